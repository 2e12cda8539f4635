import type { Statement } from '../../platform/postgres/statement.js'

export interface AttemptRow {
  readonly key: Buffer
  /** Attempts in the window that ends now, this one among them: the last window's count in part, by how much of it is still within reach. */
  readonly attempts: number
  /** Until the window of this attempt is over. */
  readonly retry_seconds: number
}

/**
 * Counts an attempt under each key, before anything is checked: attempts at the same moment all count. A count stops at its key's limit + 1, so that
 * attempts which are refused do not put off the end of the refusal. Keys are counted in one order, so that no two callers wait for each other.
 */
export const countAttempt = (
  tenantId: string,
  keys: readonly { key: Buffer; limit: number }[],
  windowSeconds: number,
): Statement<AttemptRow> => ({
  name: 'count-attempt',
  text: `with moment as (
           select t.now, date_bin(make_interval(secs => $4), t.now, timestamptz 'epoch') as start from (select clock_timestamp() as now) t
         ), counted as (
           insert into @.login_attempts as a (tenant_id, key, window_start, attempts)
           select $1, k.key, m.start, 1 from unnest($2::bytea[], $3::int[]) k (key, cap), moment m order by k.key
           on conflict (tenant_id, key, window_start) do update set attempts = least(a.attempts + 1,
             1 + (select k.cap from unnest($2::bytea[], $3::int[]) k (key, cap) where k.key = a.key))
           returning key, attempts
         )
         select c.key, c.attempts + coalesce(p.attempts, 0) * (1 - extract(epoch from m.now - m.start) / $4)::float8 as attempts,
                ceil($4 - extract(epoch from m.now - m.start))::int as retry_seconds
         from counted c cross join moment m
         left join @.login_attempts p on p.tenant_id = $1 and p.key = c.key and p.window_start = m.start - make_interval(secs => $4)`,
  values: [tenantId, keys.map(({ key }) => key), keys.map(({ limit }) => limit), windowSeconds],
  rows: 'any',
  writes: true,
})
