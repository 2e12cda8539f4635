import { RevokeRoleRequestSchema, RevokeRoleResponseSchema } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { checkNotOneself } from '../change-user.js'
import type { IdentityDeps } from '../deps.js'
import { telling, userEvent } from '../events.js'
import { onceFor } from '../once-for.js'
import { inForce } from '../settle.js'
import { deleteGrant } from '../store/delete-grant.js'
import { shareRole } from '../store/lock-role.js'
import { lockUser } from '../store/lock-user.js'
import { touchUser } from '../store/update-user.js'

/** Takes a role back: refused everywhere from the answer on. Nobody can stop being an administrator by oneself: one always stays. */
export const revokeRole =
  (deps: IdentityDeps): Rpc<typeof Contract.method.revokeRole> =>
  async (request, call) => {
    const { tenantId, roleId, subjectId, collectionId } = request
    await onceFor(deps, call, RevokeRoleRequestSchema, RevokeRoleResponseSchema, request, (once) =>
      deps.db.transact(call, async (tx) => {
        const [[role]] = await tx.run(shareRole(tenantId, roleId), lockUser(tenantId, subjectId))
        if (role!.built_in && role!.name === 'admin' && collectionId === '')
          checkNotOneself(call, tenantId, subjectId, 'take the admin role from')
        const attributes = { role_id: roleId, ...(collectionId !== '' && { collection_id: collectionId }) }
        const event = userEvent('role_revoked', tenantId, subjectId, { changedFields: ['grants'], attributes })
        const told = telling(deps, call, touchUser(tenantId, subjectId), event)
        await tx.run(deleteGrant(tenantId, subjectId, roleId, collectionId), once.with(told, `tenants/${tenantId}/users/${subjectId}`, {}))
        return {}
      }),
    )
    await inForce(deps.leaseMs, call)
    return {}
  }
