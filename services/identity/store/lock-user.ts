import type { Statement } from '../../platform/postgres/statement.js'
import type { UserRow } from './rows.js'

/**
 * Locks a user, unless deleted. A change of anything in a subject's fact begins with it, in a statement of its own: the statement after it then sees
 * every grant and session that another transaction committed, and versions stay dense.
 */
export const lockUser = (tenantId: string, userId: string): Statement<UserRow> => ({
  name: 'lock-user',
  text: `select * from @.users where tenant_id = $1 and user_id = $2 and status <> 'deleted' for no key update`,
  values: [tenantId, userId],
  rows: 1,
  onRows: { reason: 'NOT_FOUND', message: 'user not found' },
})
