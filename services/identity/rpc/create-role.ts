import { CreateRoleRequestSchema, CreateRoleResponseSchema } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { newId } from '../../platform/ids.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { roleEvent, telling } from '../events.js'
import { checkHolds } from '../held-actions.js'
import { checkActions } from '../known-permissions.js'
import { toRole } from '../map.js'
import { onceFor } from '../once-for.js'
import { insertRole } from '../store/insert-role.js'

/** Adds a role of the tenant's own, of permissions that its maker holds. */
export const createRole =
  (deps: IdentityDeps): Rpc<typeof Contract.method.createRole> =>
  async (request, call) => {
    const { tenantId, name, description, actions } = request
    checkActions(actions)
    await checkHolds(deps.facts, call, actions)
    return onceFor(deps, call, CreateRoleRequestSchema, CreateRoleResponseSchema, request, async (once) => {
      const roleId = newId('rol')
      const event = roleEvent('created', tenantId, roleId, { changedFields: ['name', 'description', 'actions'] })
      const insert = telling(deps, call, insertRole({ tenantId, roleId, name, description, actions }), event)
      const [[row]] = await deps.db.run(
        call,
        once.with(insert, `tenants/${tenantId}/roles/${roleId}`, { role: { tenantId, roleId, name, description, actions } }),
      )
      return { role: toRole(row!) }
    })
  }
