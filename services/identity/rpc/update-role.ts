import { UpdateRoleRequestSchema, UpdateRoleResponseSchema } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { invalidField } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { roleEvent, telling } from '../events.js'
import { checkHolds, notGiven } from '../held-actions.js'
import { checkActions } from '../known-permissions.js'
import { checkEtag, toRole } from '../map.js'
import { onceFor } from '../once-for.js'
import { inForce } from '../settle.js'
import { lockRole } from '../store/lock-role.js'
import { updateRole as statement } from '../store/update-role.js'
import { checkMask } from '../update-mask.js'

/** Changes a role of the tenant's own. Where it gives less than before, it answers when that is in force everywhere. */
export const updateRole =
  (deps: IdentityDeps): Rpc<typeof Contract.method.updateRole> =>
  async (request, call) => {
    const { tenantId, roleId } = request
    const fields = checkMask(request.updateMask, ['description', 'actions'])
    const actions = fields.has('actions') ? request.actions : undefined
    const description = fields.has('description') ? request.description : undefined
    if (actions) {
      if (actions.length === 0) throw invalidField('actions', 'must not be empty')
      checkActions(actions)
      await checkHolds(deps.facts, call, actions)
    }
    // A repeated request finds the role changed already: it waits as the first did, which may have died waiting.
    let narrows = actions !== undefined
    const answer = await onceFor(deps, call, UpdateRoleRequestSchema, UpdateRoleResponseSchema, request, (once) =>
      deps.db.transact(call, async (tx) => {
        const [[row]] = await tx.run(lockRole(tenantId, roleId))
        checkEtag(request.etag, row!)
        narrows = actions !== undefined && notGiven(actions, row!.actions).length > 0
        const event = roleEvent('updated', tenantId, roleId, { changedFields: [...fields] })
        const told = telling(deps, call, statement(tenantId, roleId, { description, actions }), event)
        const after = { ...row!, description: description ?? row!.description, actions: actions ?? row!.actions }
        const [[changed]] = await tx.run(once.with(told, `tenants/${tenantId}/roles/${roleId}`, { role: toRole(after) }))
        return { role: toRole(changed!) }
      }),
    )
    if (narrows) await inForce(deps.leaseMs, call)
    return answer
  }
