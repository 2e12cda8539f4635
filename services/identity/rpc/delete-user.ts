import { DeleteUserRequestSchema, DeleteUserResponseSchema } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeUser, checkNotOneself } from '../change-user.js'
import type { IdentityDeps } from '../deps.js'
import { deleteUserParts } from '../store/delete-user-parts.js'
import { buryUser } from '../store/update-user.js'

/** Removes a user with its credentials, grants and sessions: refused everywhere from the answer on. */
export const deleteUser =
  (deps: IdentityDeps): Rpc<typeof Contract.method.deleteUser> =>
  (request, call) => {
    const { tenantId, userId } = request
    checkNotOneself(call, tenantId, userId, 'delete')
    return changeUser(deps, call, request, {
      input: DeleteUserRequestSchema,
      output: DeleteUserResponseSchema,
      event: 'deleted',
      changedFields: ['status'],
      narrows: true,
      change: () => ({ before: deleteUserParts(tenantId, userId), statement: buryUser(tenantId, userId), after: {} }),
      answer: () => ({}),
    })
  }
