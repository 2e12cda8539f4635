import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** Begins a session, for a user whose credentials were checked just now. Times are the database's. */
export const insertSession = (session: {
  tenantId: string
  sessionId: string
  userId: string
  mfa: boolean
  seconds: number
}): Statement<SessionRow> => ({
  name: 'insert-session',
  text: `insert into @.sessions (tenant_id, session_id, user_id, version, auth_time, mfa, expire_time)
         values ($1, $2, $3, 1, clock_timestamp(), $4, clock_timestamp() + make_interval(secs => $5)) returning *`,
  values: [session.tenantId, session.sessionId, session.userId, session.mfa, session.seconds],
  rows: 1,
  writes: true,
})
