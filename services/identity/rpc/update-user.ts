import { UpdateUserRequestSchema, UpdateUserResponseSchema } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { invalidField } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { changeUser } from '../change-user.js'
import type { IdentityDeps } from '../deps.js'
import { toUser } from '../map.js'
import { emailKey } from '../normalize.js'
import { checkMask } from '../update-mask.js'
import { updateProfile } from '../store/update-user.js'

export const updateUser =
  (deps: IdentityDeps): Rpc<typeof Contract.method.updateUser> =>
  (request, call) => {
    const fields = checkMask(request.updateMask, ['email', 'display_name'])
    const email = fields.has('email') ? request.email : undefined
    const displayName = fields.has('display_name') ? request.displayName : undefined
    if (email === '') throw invalidField('email', 'must not be empty')
    return changeUser(deps, call, request, {
      input: UpdateUserRequestSchema,
      output: UpdateUserResponseSchema,
      event: 'updated',
      changedFields: [...fields],
      personal: { ...(email !== undefined && { email }), ...(displayName !== undefined && { display_name: displayName }) },
      change: () => ({
        statement: updateProfile(request.tenantId, request.userId, {
          email,
          emailKey: email === undefined ? undefined : emailKey(email),
          displayName,
        }),
        after: { ...(email !== undefined && { email }), ...(displayName !== undefined && { display_name: displayName }) },
      }),
      answer: (row) => ({ user: toUser(row) }),
    })
  }
