import type { Operation } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Call } from '../platform/mesh/call.js'
import { notFound } from '../platform/mesh/errors.js'
import type { TenantDeps } from './deps.js'
import { inTenant } from './deps.js'
import { toOperation } from './map.js'
import { selectOperation } from './store/select-operation.js'
import { selectTenant } from './store/select-tenant.js'

/** The operation as it is now, with the tenant that it made once it is done. */
export const readOperation = async ({ db }: TenantDeps, call: Call, tenantId: string, operationId: string): Promise<Operation> => {
  const [[row], [tenant]] = await db.run(inTenant(call, tenantId), selectOperation(tenantId, operationId), selectTenant(tenantId))
  if (!row) throw notFound('operation')
  return toOperation(row, tenant)
}
