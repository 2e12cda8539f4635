import type { Statement } from '../../platform/postgres/statement.js'
import type { SessionRow } from './rows.js'

/** What a refresh needs to know of a session and of the token that was presented for it. */
export type PresentedRow = SessionRow & {
  /** Null when no token of the session has that hash. */
  readonly generation: number | null
  readonly last_generation: number
  readonly expired: boolean
  readonly used: boolean
  readonly spent: boolean
  /** Whether it was first used so shortly ago that an answer may have been lost. */
  readonly within_grace: boolean
  readonly user_status: 'active' | 'suspended' | 'deleted'
  readonly session_expired: boolean
}

/** Locks a session, so that of two refreshes at once the second sees what the first did; no row when there is none. */
export const lockSession = (tenantId: string, sessionId: string): Statement<{ session_id: string }> => ({
  name: 'lock-session',
  text: `select session_id from @.sessions where tenant_id = $1 and session_id = $2 for no key update`,
  values: [tenantId, sessionId],
})

/** A locked session with the refresh token of that hash. */
export const selectPresented = (tenantId: string, sessionId: string, hash: Buffer, graceSeconds: number): Statement<PresentedRow> => ({
  name: 'select-presented',
  text: `select s.*, s.expire_time <= clock_timestamp() as session_expired, u.status as user_status, r.generation,
                (select max(generation) from @.refresh_tokens l where l.tenant_id = s.tenant_id and l.session_id = s.session_id) as last_generation,
                coalesce(r.expire_time <= clock_timestamp(), false) as expired, r.used_time is not null as used, coalesce(r.spent, false) as spent,
                coalesce(r.used_time > clock_timestamp() - make_interval(secs => $4), false) as within_grace
         from @.sessions s
         join @.users u on u.tenant_id = s.tenant_id and u.user_id = s.user_id
         left join @.refresh_tokens r on r.tenant_id = s.tenant_id and r.session_id = s.session_id and r.hash = $3
         where s.tenant_id = $1 and s.session_id = $2`,
  values: [tenantId, sessionId, hash, graceSeconds],
})
