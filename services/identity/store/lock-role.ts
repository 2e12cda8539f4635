import type { Statement } from '../../platform/postgres/statement.js'
import type { RoleRow } from './rows.js'

const NOT_FOUND = { reason: 'NOT_FOUND', message: 'role not found' } as const

/** Locks a role to change it. Always before any user's row, so that no two transactions wait for each other. */
export const lockRole = (tenantId: string, roleId: string): Statement<RoleRow> => ({
  name: 'lock-role',
  text: `select * from @.roles where tenant_id = $1 and role_id = $2 and not deleted for update`,
  values: [tenantId, roleId],
  rows: 1,
  onRows: NOT_FOUND,
})

/** Holds a role as it is while it is granted. */
export const shareRole = (tenantId: string, roleId: string): Statement<RoleRow> => ({
  name: 'share-role',
  text: `select * from @.roles where tenant_id = $1 and role_id = $2 and not deleted for share`,
  values: [tenantId, roleId],
  rows: 1,
  onRows: NOT_FOUND,
})
