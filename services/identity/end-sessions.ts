import type { Call } from '../platform/mesh/call.js'
import type { IdentityDeps } from './deps.js'
import { telling, userEvent } from './events.js'
import { lockUser } from './store/lock-user.js'
import { revokeSession } from './store/revoke-session.js'
import type { SessionRow } from './store/rows.js'
import { touchUser } from './store/update-user.js'

/**
 * Ends one session: its user's fact names it from the commit on. A session that ended already stays as it is, and nothing is told again. Answers when
 * committed, which is not yet when it is in force.
 */
export const endSession = (
  deps: IdentityDeps,
  call: Call,
  session: Pick<SessionRow, 'tenant_id' | 'session_id' | 'user_id'>,
  cause: 'revoked' | 'refresh_token_reused',
): Promise<void> => {
  const { tenant_id: tenantId, session_id: sessionId, user_id: userId } = session
  return deps.db.transact(call, async (tx) => {
    const [, ended] = await tx.run(lockUser(tenantId, userId), revokeSession(tenantId, sessionId))
    if (ended.length === 0) return
    const event = userEvent('session_revoked', tenantId, userId, { attributes: { session_id: sessionId, cause } })
    await tx.run(telling(deps, call, touchUser(tenantId, userId), event))
  })
}
