import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { UpdateTenantRequestSchema } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { invalidField } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { TenantDeps } from '../deps.js'
import { changeTenant } from '../change-tenant.js'
import { updateDisplayName } from '../store/update-tenant.js'

export const updateTenant =
  (deps: TenantDeps): Rpc<typeof Contract.method.updateTenant> =>
  async (request, call) => {
    const paths = request.updateMask?.paths ?? []
    if (paths.length === 0) throw invalidField('update_mask', 'must name a field')
    if (paths.some((path) => path !== 'display_name')) throw invalidField('update_mask', 'may only name display_name')
    if (request.displayName === '') throw invalidField('display_name', 'must not be empty')
    const tenant = await changeTenant(deps, call, UpdateTenantRequestSchema, request, {
      change: 'updated',
      fields: ['display_name'],
      statement: (_row, version) => updateDisplayName(request.tenantId, version, request.displayName),
    })
    return { tenant }
  }
