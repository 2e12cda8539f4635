import { DeleteRoleRequestSchema, DeleteRoleResponseSchema } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { roleEvent, telling } from '../events.js'
import { checkEtag } from '../map.js'
import { onceFor } from '../once-for.js'
import { lockRole } from '../store/lock-role.js'
import { buryRole } from '../store/update-role.js'

/** Removes a role that nobody holds: it gives nothing to anyone, so nothing waits for it to be in force. */
export const deleteRole =
  (deps: IdentityDeps): Rpc<typeof Contract.method.deleteRole> =>
  (request, call) => {
    const { tenantId, roleId } = request
    return onceFor(deps, call, DeleteRoleRequestSchema, DeleteRoleResponseSchema, request, (once) =>
      deps.db.transact(call, async (tx) => {
        const [[row]] = await tx.run(lockRole(tenantId, roleId))
        checkEtag(request.etag, row!)
        if (row!.built_in) throw new AppError('IMMUTABLE', 'built-in roles are immutable')
        const told = telling(deps, call, buryRole(tenantId, roleId), roleEvent('deleted', tenantId, roleId))
        await tx.run(once.with(told, `tenants/${tenantId}/roles/${roleId}`, {}))
        return {}
      }),
    )
  }
