import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { TenantDeps } from '../deps.js'
import { inTenant } from '../deps.js'
import { toTenant } from '../map.js'
import { selectTenant } from '../store/select-tenant.js'

export const getTenant =
  ({ db }: TenantDeps): Rpc<typeof Contract.method.getTenant> =>
  async (request, call) => {
    const [[row]] = await db.run(inTenant(call, request.tenantId), selectTenant(request.tenantId))
    if (!row) throw notFound('tenant')
    return { tenant: toTenant(row) }
  }
