import type { Statement } from '../../platform/postgres/statement.js'
import type { UserRow } from './rows.js'

/** The user, unless deleted; no row otherwise. */
export const selectUser = (tenantId: string, userId: string): Statement<UserRow> => ({
  name: 'select-user',
  text: `select * from @.users where tenant_id = $1 and user_id = $2 and status <> 'deleted'`,
  values: [tenantId, userId],
})
