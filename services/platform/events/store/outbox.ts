import type { OutboxRow } from '../outbox-columns.js'
import type { SqlQuery } from '../sql.js'

/** Locks the oldest rows that no other relay has, except those named. */
export const takeOutbox = (limit: number, except: readonly string[]): SqlQuery => ({
  name: 'take-outbox',
  text: `select tenant_id, id, topic, type, subject, version::text as version, ordinal, decision_id, coalesce(action, '') as action,
                (extract(epoch from time) * 1000000)::bigint::text as time_us, actor, region, coalesce(trace_id, '') as trace_id,
                coalesce(traceparent, '') as traceparent, coalesce(changed_fields, '{}') as changed_fields,
                coalesce(attributes, '{}') as attributes, fact, coalesce(sealed, '{}') as sealed
         from platform.outbox
         where id <> all ($2::text[])
         order by seq
         limit $1
         for update skip locked`,
  values: [limit, except],
})

/** Deletes what was acknowledged. */
export const deleteOutbox = (rows: readonly Pick<OutboxRow, 'tenant_id' | 'id'>[]): SqlQuery => ({
  name: 'delete-outbox',
  text: `delete from platform.outbox o using unnest($1::text[], $2::text[]) as sent (tenant_id, id)
         where o.tenant_id = sent.tenant_id and o.id = sent.id`,
  values: [rows.map((row) => row.tenant_id), rows.map((row) => row.id)],
})

/** How many events wait, counted up to a bound, and for how long the oldest does. */
export const measureOutbox = (bound: number): SqlQuery => ({
  name: 'measure-outbox',
  text: `select (select count(*) from (select 1 from platform.outbox limit $1) as counted)::int as backlog,
                coalesce(extract(epoch from clock_timestamp() - (select time from platform.outbox order by seq limit 1)), 0)::float8 as age`,
  values: [bound],
})
