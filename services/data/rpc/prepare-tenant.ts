import type { TenancyService } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import type { DbCall } from '../../platform/postgres/database.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { DataService } from '../deps.js'
import { provisionTenant } from '../store/provision-tenant.js'

/** Lays the tenant's tables in its placement, in one round trip. Again, for any operation, it finds its work done. */
export const prepareTenant =
  ({ db }: DataService): Rpc<typeof TenancyService.method.prepareTenant> =>
  async (request, call) => {
    const context: DbCall = {
      tenant: call.tenant,
      purpose: 'provision',
      operation: request.operationId,
      deadline: call.deadline,
      span: call.span,
      method: call.method,
      mayWrite: call.mayWrite,
    }
    const [[row]] = await db.run(context, provisionTenant(request.placement))
    if (row?.placement !== request.placement) throw new AppError('CONFLICT', 'the tenant is prepared in another placement')
    return {}
  }
