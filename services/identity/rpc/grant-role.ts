import { GrantRoleRequestSchema, GrantRoleResponseSchema } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { telling, userEvent } from '../events.js'
import { checkHolds } from '../held-actions.js'
import { toGrant } from '../map.js'
import { onceFor } from '../once-for.js'
import { insertGrant } from '../store/insert-grant.js'
import { shareRole } from '../store/lock-role.js'
import { lockUser } from '../store/lock-user.js'
import { touchUser } from '../store/update-user.js'

/** Gives a subject a role that gives nothing beyond what the granter holds, in the same scope. */
export const grantRole =
  (deps: IdentityDeps): Rpc<typeof Contract.method.grantRole> =>
  (request, call) => {
    const { tenantId, roleId, subjectId, collectionId } = request
    return onceFor(deps, call, GrantRoleRequestSchema, GrantRoleResponseSchema, request, (once) =>
      deps.db.transact(call, async (tx) => {
        // The role first, as whoever changes one does: it stays as it is until the grant stands.
        const [[role]] = await tx.run(shareRole(tenantId, roleId), lockUser(tenantId, subjectId))
        await checkHolds(deps.facts, call, role!.actions, collectionId)
        const attributes = { role_id: roleId, ...(collectionId !== '' && { collection_id: collectionId }) }
        const event = userEvent('role_granted', tenantId, subjectId, { changedFields: ['grants'], attributes })
        const told = telling(deps, call, touchUser(tenantId, subjectId), event)
        const [[grant]] = await tx.run(
          insertGrant(tenantId, subjectId, roleId, collectionId),
          once.with(told, `tenants/${tenantId}/users/${subjectId}`, { grant: { roleId, subjectId, collectionId } }),
        )
        return { grant: toGrant(grant!) }
      }),
    )
  }
