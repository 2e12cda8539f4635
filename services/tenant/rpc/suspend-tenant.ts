import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { SuspendTenantRequestSchema } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { PLATFORM_TENANT } from '../../platform/ids.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeTenant } from '../change-tenant.js'
import type { TenantDeps } from '../deps.js'
import { updateStatus } from '../store/update-tenant.js'

/** Answers when the suspension is in force on every replica. A suspended tenant stays so. */
export const suspendTenant =
  (deps: TenantDeps): Rpc<typeof Contract.method.suspendTenant> =>
  async (request, call) => {
    if (request.tenantId === PLATFORM_TENANT) throw new AppError('PROTECTED_TENANT', 'the platform tenant cannot be suspended')
    const tenant = await changeTenant(deps, call, SuspendTenantRequestSchema, request, {
      change: 'suspended',
      fields: ['status'],
      narrows: true,
      statement: (row, version) => {
        if (row.status === 'suspended') return undefined
        if (row.status !== 'active') throw new AppError('TENANT_NOT_READY', 'the tenant is still being provisioned')
        return updateStatus(request.tenantId, version, 'suspended')
      },
    })
    return { tenant }
  }
