import type { Statement } from '../../platform/postgres/statement.js'
import { EMAIL_TAKEN } from './insert-user.js'
import type { UserRow } from './rows.js'

const MOVED_ON = `version = version + 1, update_time = now(), changed_xid = pg_current_xact_id()`
const NOT_FOUND = { reason: 'NOT_FOUND', message: 'user not found' } as const

/** Changes what is said of a locked user: values that are undefined stay. */
export const updateProfile = (
  tenantId: string,
  userId: string,
  to: { email?: string; emailKey?: string; displayName?: string },
): Statement<UserRow> => ({
  name: 'update-profile',
  text: `update @.users set email = coalesce($3, email), email_key = coalesce($4, email_key), display_name = coalesce($5, display_name), ${MOVED_ON}
         where tenant_id = $1 and user_id = $2 and status <> 'deleted' returning *`,
  values: [tenantId, userId, to.email ?? null, to.emailKey ?? null, to.displayName ?? null],
  rows: 1,
  onRows: NOT_FOUND,
  writes: true,
  constraints: EMAIL_TAKEN,
})

/** Suspends a locked user, or lets it in again. */
export const updateUserStatus = (tenantId: string, userId: string, status: 'active' | 'suspended'): Statement<UserRow> => ({
  name: 'update-user-status',
  text: `update @.users set status = $3, ${MOVED_ON} where tenant_id = $1 and user_id = $2 and status <> 'deleted' returning *`,
  values: [tenantId, userId, status],
  rows: 1,
  onRows: NOT_FOUND,
  writes: true,
})

/** Moves a locked user's version on, because a grant or a session of it changed in the statement before. */
export const touchUser = (tenantId: string, userId: string): Statement<UserRow> => ({
  name: 'touch-user',
  text: `update @.users set ${MOVED_ON} where tenant_id = $1 and user_id = $2 and status <> 'deleted' returning *`,
  values: [tenantId, userId],
  rows: 1,
  onRows: NOT_FOUND,
  writes: true,
})

/** Leaves a tombstone of a locked user, with nothing personal in it. Its grants, credentials and sessions go before it. */
export const buryUser = (tenantId: string, userId: string): Statement<UserRow> => ({
  name: 'bury-user',
  text: `update @.users set status = 'deleted', email = null, email_key = null, display_name = '', ${MOVED_ON}
         where tenant_id = $1 and user_id = $2 and status <> 'deleted' returning *`,
  values: [tenantId, userId],
  rows: 1,
  onRows: NOT_FOUND,
  writes: true,
})
