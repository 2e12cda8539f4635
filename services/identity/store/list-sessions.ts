import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** A user's live sessions after an id, oldest first. */
export const listSessions = (tenantId: string, userId: string, after: string, limit: number): Statement<SessionRow> => ({
  name: 'list-sessions',
  text: `select * from @.sessions where tenant_id = $1 and user_id = $2 and session_id > $3
           and revoked_time is null and expire_time > clock_timestamp()
         order by session_id limit $4`,
  values: [tenantId, userId, after, limit],
})
