import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** The session, ended ones too; no row when there is none. */
export const selectSession = (tenantId: string, sessionId: string): Statement<SessionRow> => ({
  name: 'select-session',
  text: `select * from @.sessions where tenant_id = $1 and session_id = $2`,
  values: [tenantId, sessionId],
})
