import { SuspendUserRequestSchema, SuspendUserResponseSchema } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeUser, checkNotOneself } from '../change-user.js'
import type { IdentityDeps } from '../deps.js'
import { toUser } from '../map.js'
import { updateUserStatus } from '../store/update-user.js'

/** Refuses a user everywhere from the answer on. Its sessions stay, and go on when it is resumed. A suspended one stays so. */
export const suspendUser =
  (deps: IdentityDeps): Rpc<typeof Contract.method.suspendUser> =>
  (request, call) => {
    const { tenantId, userId } = request
    checkNotOneself(call, tenantId, userId, 'suspend')
    return changeUser(deps, call, request, {
      input: SuspendUserRequestSchema,
      output: SuspendUserResponseSchema,
      event: 'suspended',
      changedFields: ['status'],
      narrows: true,
      change: ({ status }) =>
        status === 'suspended' ? undefined : { statement: updateUserStatus(tenantId, userId, 'suspended'), after: { status: 'suspended' } },
      answer: (row) => ({ user: toUser(row) }),
    })
  }
