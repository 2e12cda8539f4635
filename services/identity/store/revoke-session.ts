import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** Ends a session that lives; no row when it does not. */
export const revokeSession = (tenantId: string, sessionId: string): Statement<SessionRow> => ({
  name: 'revoke-session',
  text: `update @.sessions set revoked_time = clock_timestamp(), version = version + 1
         where tenant_id = $1 and session_id = $2 and revoked_time is null returning *`,
  values: [tenantId, sessionId],
  rows: { min: 0, max: 1 },
  writes: true,
})

/** Ends a user's live sessions but one (empty: all of them). */
export const revokeSessions = (tenantId: string, userId: string, butSessionId: string): Statement<SessionRow> => ({
  name: 'revoke-sessions',
  text: `update @.sessions set revoked_time = clock_timestamp(), version = version + 1
         where tenant_id = $1 and user_id = $2 and session_id <> $3 and revoked_time is null and expire_time > clock_timestamp() returning *`,
  values: [tenantId, userId, butSessionId],
  rows: 'any',
  writes: true,
})
