import type { Statement } from '../../platform/postgres/statement.js'

/**
 * Removes a tenant's sessions that ended more than `graceSeconds` ago: facts tell of a revoked one for a token's lifetime. Their refresh tokens go
 * with them.
 */
export const deleteExpiredSessions = (tenantId: string, graceSeconds: number): Statement<never> => ({
  name: 'delete-expired-sessions',
  text: `delete from @.sessions where tenant_id = $1 and least(expire_time, revoked_time) < clock_timestamp() - make_interval(secs => $2)`,
  values: [tenantId, graceSeconds],
  rows: 'any',
  writes: true,
})

/** Removes counts of attempts of windows long over. */
export const deleteOldAttempts = (tenantId: string, seconds: number): Statement<never> => ({
  name: 'delete-old-attempts',
  text: `delete from @.login_attempts where tenant_id = $1 and window_start < clock_timestamp() - make_interval(secs => $2)`,
  values: [tenantId, seconds],
  rows: 'any',
  writes: true,
})
