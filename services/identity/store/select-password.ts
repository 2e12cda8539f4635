import type { Statement } from '../../platform/postgres/statement.js'

/** The hash of a user's password; no row when it has none. */
export const selectPassword = (tenantId: string, userId: string): Statement<{ secret: string }> => ({
  name: 'select-password',
  text: `select secret from @.credentials where tenant_id = $1 and user_id = $2 and kind = 'password'`,
  values: [tenantId, userId],
})
