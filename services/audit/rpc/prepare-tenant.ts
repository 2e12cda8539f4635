import type { TenancyService as Contract } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { AuditParts } from '../parts.js'
import { openLog } from '../store/open-log.js'

/** Makes a tenant's KEK and key pair and begins its log; asked again it answers with the same key. */
export const prepareTenant =
  ({ db, keyStore }: AuditParts): Rpc<typeof Contract.method.prepareTenant> =>
  async (_request, call) => {
    const { keyId, publicKey } = await keyStore.createTenantKeys(call.tenant)
    await db.run(call, openLog(call.tenant))
    return { publicKey, publicKeyId: keyId }
  }
