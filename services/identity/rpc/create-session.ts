import type { SessionService as Contract } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { newId } from '../../platform/ids.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { sessionEvent, telling } from '../events.js'
import type { Login } from '../login/checks.js'
import { PASSWORD_LOGIN } from '../login/checks.js'
import { toSession } from '../map.js'
import { emailKey } from '../normalize.js'
import { holdPassword } from '../store/hold-password.js'
import { insertRefreshToken } from '../store/insert-refresh-token.js'
import { insertSession } from '../store/insert-session.js'
import { issueTokens } from '../tokens/issue.js'
import { newRefreshToken } from '../tokens/refresh-token.js'

/** Begins a session for whoever passes every check of a login. */
export const createSession =
  (deps: IdentityDeps): Rpc<typeof Contract.method.createSession> =>
  async (request, call) => {
    // Not verified, and personal: sealed text of the record, never a key of it.
    call.seal({ slug: request.slug, email: request.email })
    const login: Login = { request, call, emailKey: emailKey(request.email) }
    for (const check of PASSWORD_LOGIN) await check(login, deps)
    const { tenant_id: tenantId, user_id: userId, secret } = login.user!
    const sessionId = newId('ses')
    const refresh = newRefreshToken(sessionId)
    const session = { tenantId, sessionId, userId, mfa: false, seconds: deps.lifetimes.session }
    // A password that was set since the check ends the sessions of the old one: this login must not slip in after that.
    const [, [row], [stored]] = await deps.db.run(
      call,
      holdPassword(tenantId, userId, secret!),
      telling(deps, call, insertSession(session), sessionEvent('created', tenantId, sessionId, userId)),
      insertRefreshToken(tenantId, sessionId, refresh.hash, deps.lifetimes.refreshToken),
    )
    await deps.limits.forgive(call, { slug: request.slug, emailKey: login.emailKey })
    return { session: toSession(row!), tokens: issueTokens(deps, row!, { token: refresh.token, expireTime: stored!.expire_time }) }
  }
