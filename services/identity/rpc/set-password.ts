import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { emailKey } from '../normalize.js'
import type { Call } from '../../platform/mesh/call.js'
import { AppError, invalidField, notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { telling, userEvent } from '../events.js'
import { checkHolds } from '../held-actions.js'
import { inForce } from '../settle.js'
import { holdPassword } from '../store/hold-password.js'
import { lockUser } from '../store/lock-user.js'
import { revokeSessions } from '../store/revoke-session.js'
import type { UserRow } from '../store/rows.js'
import { selectActionsOf } from '../store/select-actions-of.js'
import { selectPassword } from '../store/select-password.js'
import { selectUser } from '../store/select-user.js'
import { touchUser } from '../store/update-user.js'
import { upsertPassword } from '../store/upsert-password.js'

/** Sets a password, and ends the user's sessions but the caller's own: they are refused everywhere from the answer on. */
export const setPassword =
  (deps: IdentityDeps): Rpc<typeof Contract.method.setPassword> =>
  async (request, call) => {
    const { tenantId, userId } = request
    const [[user], actions] = await deps.db.run(call, selectUser(tenantId, userId), selectActionsOf(tenantId, userId))
    await call.decideWithRow({ owner: user?.user_id ?? '' })
    if (!user) throw notFound('user')
    const own = call.subject?.tenant === tenantId && call.subject.id === userId
    // Who sets a password can be that user from then on: nobody becomes more than one is.
    if (!own)
      await checkHolds(
        deps.facts,
        call,
        actions.map(({ action }) => action),
      )
    const checked = own ? await checkCurrent(deps, call, user, request.currentPassword) : undefined
    const hash = await deps.passwords.hash(request.newPassword, call.deadline.signal)
    const event = userEvent('password_set', tenantId, userId, { changedFields: ['password'] })
    await deps.db.run(
      call,
      lockUser(tenantId, userId),
      ...(checked === undefined ? [] : [holdPassword(tenantId, userId, checked)]),
      upsertPassword(tenantId, userId, hash),
      revokeSessions(tenantId, userId, own ? call.subject!.session : ''),
      telling(deps, call, touchUser(tenantId, userId), event),
    )
    await inForce(deps.leaseMs, call)
    return {}
  }

/** The hash that the caller's current password matched. Guesses count like logins: a stolen session must not become a way to try passwords. */
const checkCurrent = async (deps: IdentityDeps, call: Call, user: UserRow, password: string): Promise<string> => {
  if (password === '') throw invalidField('current_password', "is required for one's own password")
  const attempt = { slug: deps.facts.tenant(user.tenant_id)?.slug ?? user.tenant_id, emailKey: emailKey(user.email ?? '') }
  await deps.limits.count(call, attempt)
  const [[row]] = await deps.db.run(call, selectPassword(user.tenant_id, user.user_id))
  const matches = await deps.passwords.verify(password, row?.secret, call.deadline.signal)
  if (!matches) throw new AppError('CREDENTIALS_REJECTED', 'the current password is wrong')
  await deps.limits.forgive(call, attempt)
  return row!.secret
}
