import { CreateUserRequestSchema, CreateUserResponseSchema, UserStatus } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../../platform/ids.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { telling, userEvent } from '../events.js'
import { toUser } from '../map.js'
import { emailKey } from '../normalize.js'
import { onceFor } from '../once-for.js'
import { insertUser } from '../store/insert-user.js'
import { upsertPassword } from '../store/upsert-password.js'

/** Adds a user, who can log in at once if a password was given. */
export const createUser =
  (deps: IdentityDeps): Rpc<typeof Contract.method.createUser> =>
  (request, call) =>
    onceFor(deps, call, CreateUserRequestSchema, CreateUserResponseSchema, request, async (once) => {
      const { tenantId, email, displayName, password } = request
      const userId = newId('usr')
      const hash = password === '' ? undefined : await deps.passwords.hash(password, call.deadline.signal)
      // First, because nothing may be said of a person before there is a key to seal it to. A pair whose user was never made opens nothing.
      const key = await deps.keyStore.createUserKeys(tenantId, userId)
      const user = { tenantId, userId, email, emailKey: emailKey(email), displayName, publicKey: key.publicKey, publicKeyId: key.keyId }
      const event = userEvent('created', tenantId, userId, {
        changedFields: ['email', 'display_name', ...(hash === undefined ? [] : ['password'])],
        personal: { email, display_name: displayName },
      })
      const insert = telling(deps, call, insertUser(user), event, { [userId]: key })
      const [[row]] = await deps.db.run(
        call,
        once.with(insert, `tenants/${tenantId}/users/${userId}`, {
          user: { tenantId, userId, email, displayName, status: UserStatus.ACTIVE },
        }),
        ...(hash === undefined ? [] : [upsertPassword(tenantId, userId, hash)]),
      )
      return { user: toUser(row!) }
    })
