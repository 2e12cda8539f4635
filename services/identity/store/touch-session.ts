import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** Notes that a live session was carried on. */
export const touchSession = (tenantId: string, sessionId: string): Statement<SessionRow> => ({
  name: 'touch-session',
  text: `update @.sessions set last_used_time = clock_timestamp(), version = version + 1
         where tenant_id = $1 and session_id = $2 and revoked_time is null returning *`,
  values: [tenantId, sessionId],
  rows: 1,
  onRows: { reason: 'SESSION_REVOKED', message: 'the session has ended' },
  writes: true,
})
