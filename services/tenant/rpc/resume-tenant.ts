import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { ResumeTenantRequestSchema } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeTenant } from '../change-tenant.js'
import type { TenantDeps } from '../deps.js'
import { updateStatus } from '../store/update-tenant.js'

/** An active tenant stays so. */
export const resumeTenant =
  (deps: TenantDeps): Rpc<typeof Contract.method.resumeTenant> =>
  async (request, call) => {
    const tenant = await changeTenant(deps, call, ResumeTenantRequestSchema, request, {
      change: 'resumed',
      fields: ['status'],
      statement: (row, version) => {
        if (row.status === 'active') return undefined
        if (row.status !== 'suspended') throw new AppError('TENANT_NOT_READY', 'the tenant is still being provisioned')
        return updateStatus(request.tenantId, version, 'active')
      },
    })
    return { tenant }
  }
