import type { Statement } from '../../platform/postgres/statement.js'

/** Holds a user's password as it was checked until the transaction ends; CREDENTIALS_REJECTED when it is another by now. */
export const holdPassword = (tenantId: string, userId: string, secret: string): Statement<{ user_id: string }> => ({
  name: 'hold-password',
  text: `select user_id from @.credentials where tenant_id = $1 and user_id = $2 and kind = 'password' and secret = $3 for share`,
  values: [tenantId, userId, secret],
  rows: 1,
  onRows: { reason: 'CREDENTIALS_REJECTED', message: 'the tenant, the e-mail address or the password is wrong' },
})
