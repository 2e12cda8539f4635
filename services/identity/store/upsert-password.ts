import type { Statement } from '../../platform/postgres/statement.js'

/** Sets a locked user's password, from its hash in PHC string format. */
export const upsertPassword = (tenantId: string, userId: string, hash: string): Statement<{ user_id: string }> => ({
  name: 'upsert-password',
  text: `insert into @.credentials (tenant_id, user_id, kind, secret) values ($1, $2, 'password', $3)
         on conflict (tenant_id, user_id, kind) do update set secret = excluded.secret, create_time = clock_timestamp() returning user_id`,
  values: [tenantId, userId, hash],
  rows: 1,
  writes: true,
})
