import type { Statement } from '../../platform/postgres/statement.js'

/** After a success: what the account counted is forgotten, and the address gets its one attempt back. */
export const forgiveAttempt = (tenantId: string, accountKey: Buffer, addressKey: Buffer): Statement<never> => ({
  name: 'forgive-attempt',
  text: `with forgotten as (delete from @.login_attempts where tenant_id = $1 and key = $2)
         update @.login_attempts set attempts = greatest(attempts - 1, 0) where tenant_id = $1 and key = $3
           and window_start = (select max(window_start) from @.login_attempts where tenant_id = $1 and key = $3)`,
  values: [tenantId, accountKey, addressKey],
  rows: 'any',
  writes: true,
})
