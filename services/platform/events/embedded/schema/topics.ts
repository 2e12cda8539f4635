/**
 * The embedded event log: partitioned topics. Producers and consumers reach its tables through functions, and consumers may read; nobody but the owner
 * changes a row.
 */
export const topicsSql = `
create schema log;

create table log.partition (
  topic text not null,
  partition integer not null,
  first_offset bigint not null default 0,
  next_offset bigint not null default 0,
  bytes bigint not null default 0,
  primary key (topic, partition)
) with (fillfactor = 50);

insert into log.partition (topic, partition)
select topic, partition from unnest(array['facts', 'changes', 'access']) as topic, generate_series(0, 11) as partition;

create table log.message (
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  id text not null,
  key text not null,
  value bytea not null,
  headers jsonb not null,
  time timestamptz not null default clock_timestamp(),
  primary key (topic, partition, "offset")
);

-- Appends a batch; order within a partition is that of the arrays. Offsets are given under the partition's row lock, held until commit: what a
-- reader sees has no gap, and nothing appears behind it.
create function log.append(p_topic text, p_partitions integer[], p_ids text[], p_keys text[], p_values bytea[], p_headers jsonb[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint;
begin
  -- All locks first and in one order: two batches never wait for each other in a circle.
  perform 1 from log.partition p where p.topic = p_topic and p.partition = any (p_partitions) order by p.partition for update;
  with batch as (
    select b.*, row_number() over (partition by b.partition order by b.place) - 1 as nth
    from unnest(p_partitions, p_ids, p_keys, p_values, p_headers) with ordinality as b (partition, id, key, value, headers, place)
  ), stored as (
    insert into log.message (topic, partition, "offset", id, key, value, headers)
    select p_topic, b.partition, p.next_offset + b.nth, b.id, b.key, b.value, b.headers
    from batch b join log.partition p on p.topic = p_topic and p.partition = b.partition
    returning partition, octet_length(value) as bytes
  ), sums as (
    select partition, count(*) as messages, sum(bytes) as bytes from stored group by partition
  )
  update log.partition p set next_offset = p.next_offset + s.messages, bytes = p.bytes + s.bytes
  from sums s where p.topic = p_topic and p.partition = s.partition;
  get diagnostics touched = row_count;
  if touched <> (select count(distinct partition) from unnest(p_partitions) as partition) then
    raise exception 'unknown topic or partition' using errcode = 'TE001';
  end if;
end $$;

revoke all on schema log from public;
revoke all on all functions in schema log from public;
grant usage on schema log to events_producer, events_consumer;
grant execute on function log.append to events_producer;
grant select on log.partition, log.message to events_consumer;
`
