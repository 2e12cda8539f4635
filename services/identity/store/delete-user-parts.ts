import type { Statement } from '../../platform/postgres/statement.js'

/** What a user has beside its row, gone with it: three statements, since each stands in a table of its own. Refresh tokens go with their sessions. */
export const deleteUserParts = (tenantId: string, userId: string): [Statement<never>, Statement<never>, Statement<never>] => [
  remove('credentials', tenantId, userId),
  remove('grants', tenantId, userId),
  remove('sessions', tenantId, userId),
]

const remove = (table: 'credentials' | 'grants' | 'sessions', tenantId: string, userId: string): Statement<never> => ({
  name: `delete-${table}-of-user`,
  text: `delete from @.${table} where tenant_id = $1 and user_id = $2`,
  values: [tenantId, userId],
  rows: 'any',
  writes: true,
})
