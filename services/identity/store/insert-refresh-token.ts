import type { Statement } from '../../platform/postgres/statement.js'
import type { RefreshTokenRow } from './rows.js'

/**
 * Stores the next generation of a session's refresh token, good for `seconds` but not beyond the session. With the session's first, or once the session's
 * row is locked by `useRefreshToken`: two writers cannot take the same generation.
 */
export const insertRefreshToken = (tenantId: string, sessionId: string, hash: Buffer, seconds: number): Statement<RefreshTokenRow> => ({
  name: 'insert-refresh-token',
  text: `insert into @.refresh_tokens (tenant_id, session_id, generation, hash, expire_time)
         select s.tenant_id, s.session_id,
                1 + coalesce((select max(generation) from @.refresh_tokens r where r.tenant_id = s.tenant_id and r.session_id = s.session_id), 0),
                $3, least(s.expire_time, clock_timestamp() + make_interval(secs => $4))
         from @.sessions s where s.tenant_id = $1 and s.session_id = $2
         returning tenant_id, session_id, generation, expire_time`,
  values: [tenantId, sessionId, hash, seconds],
  rows: 1,
  writes: true,
})
