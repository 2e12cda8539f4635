import type { Statement } from '../../platform/postgres/statement.js'

/** Notes that a generation was exchanged; with `spent` neither it nor the one made for it before may be exchanged again. */
export const useRefreshToken = (
  tenantId: string,
  sessionId: string,
  generation: number,
  spent: boolean,
): Statement<{ generation: number }> => ({
  name: 'use-refresh-token',
  text: `update @.refresh_tokens set used_time = coalesce(used_time, clock_timestamp()), spent = spent or $4
         where tenant_id = $1 and session_id = $2 and (generation = $3 or ($4 and generation > $3)) returning generation`,
  values: [tenantId, sessionId, generation, spent],
  rows: { min: 1, max: 2 },
  writes: true,
})

/** Removes a session's generations whose time is over: they are refused for that, used before or not. */
export const deleteOldRefreshTokens = (tenantId: string, sessionId: string): Statement<never> => ({
  name: 'delete-old-refresh-tokens',
  text: `delete from @.refresh_tokens where tenant_id = $1 and session_id = $2 and expire_time < clock_timestamp()`,
  values: [tenantId, sessionId],
  rows: 'any',
  writes: true,
})
