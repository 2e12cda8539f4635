import { ResumeUserRequestSchema, ResumeUserResponseSchema } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeUser } from '../change-user.js'
import type { IdentityDeps } from '../deps.js'
import { toUser } from '../map.js'
import { updateUserStatus } from '../store/update-user.js'

/** Lets a suspended user in again. An active one stays so. */
export const resumeUser =
  (deps: IdentityDeps): Rpc<typeof Contract.method.resumeUser> =>
  (request, call) => {
    const { tenantId, userId } = request
    return changeUser(deps, call, request, {
      input: ResumeUserRequestSchema,
      output: ResumeUserResponseSchema,
      event: 'resumed',
      changedFields: ['status'],
      change: ({ status }) =>
        status === 'active' ? undefined : { statement: updateUserStatus(tenantId, userId, 'active'), after: { status: 'active' } },
      answer: (row) => ({ user: toUser(row) }),
    })
  }
