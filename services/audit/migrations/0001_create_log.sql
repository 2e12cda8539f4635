-- Each tenant's log, and the platform's: leaves numbered densely from 0, appended by one function and changed by nobody.
create table pool.audit_log (
  tenant_id text not null,
  size bigint not null default 0,
  create_time timestamptz not null default clock_timestamp(),
  constraint audit_log_pkey primary key (tenant_id)
);

-- `envelope` is the CloudEvent as it came, to the byte. The other columns repeat clear parts of it for filters; what Postgres cannot store as text is
-- replaced there, and only there.
create table pool.leaf (
  tenant_id text not null,
  leaf_index bigint not null,
  entry_id text not null,
  append_time timestamptz not null default clock_timestamp(),
  time timestamptz not null,
  type text not null,
  actor text not null,
  action text not null,
  resource text not null,
  outcome text not null,
  method text not null,
  decision_id bytea not null,
  trace_id text not null,
  envelope bytea not null,
  constraint leaf_pkey primary key (tenant_id, leaf_index),
  constraint leaf_entry unique (tenant_id, entry_id)
);
alter table pool.leaf alter column envelope set storage external;
create index leaf_decision on pool.leaf (tenant_id, decision_id);
create index leaf_trace on pool.leaf (tenant_id, trace_id) where trace_id <> '';

select platform.attach_tenant_table('pool.audit_log', 'append-only');
select platform.attach_tenant_table('pool.leaf', 'append-only');

-- Append-only: the runtime role begins a tenant's log and reads it. The owner's policies are for the function below, which runs as it.
revoke all on pool.audit_log, pool.leaf from audit_runtime;
grant select, insert (tenant_id) on pool.audit_log to audit_runtime;
grant select on pool.leaf to audit_runtime;
create policy append_logs on pool.audit_log to current_user using (true) with check (true);
create policy append_leaves on pool.leaf to current_user using (true) with check (true);

-- Where the log goes on in each partition of the event log: moved in the transaction that appends, so each message counts once.
create table platform.audit_offset (
  topic text not null,
  partition integer not null,
  next_offset bigint not null default 0,
  constraint audit_offset_pkey primary key (topic, partition)
);
insert into platform.audit_offset (topic, partition)
select topic, partition from unnest(array['facts', 'changes', 'access']) as topic, generate_series(0, 11) as partition;

-- Messages that no repetition makes good, with the reason: never dropped.
create table platform.set_aside (
  topic text not null,
  partition integer not null,
  message_offset bigint not null,
  key text not null,
  value bytea not null,
  reason text not null,
  time timestamptz not null default clock_timestamp(),
  constraint set_aside_pkey primary key (topic, partition, message_offset)
);
revoke all on platform.audit_offset, platform.set_aside from public, audit_runtime;
grant select on platform.audit_offset, platform.set_aside to audit_runtime;

-- Appends a batch of one partition to the logs of its tenants, sets its bad messages aside, and moves the offset. No row: the offset is not where the
-- caller believes, because another consumer has moved it; nothing was done then.
create function platform.append_leaves(
  p_topic text, p_partition integer, p_expected bigint, p_next bigint,
  p_offsets bigint[], p_tenants text[], p_entries text[], p_times bigint[], p_types text[], p_actors text[], p_actions text[], p_resources text[],
  p_outcomes text[], p_methods text[], p_decisions bytea[], p_traces text[], p_envelopes bytea[],
  p_bad_offsets bigint[], p_bad_keys text[], p_bad_values bytea[], p_bad_reasons text[]
) returns table (appended bigint, repeated bigint, reused bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  fresh_places bigint[];
begin
  -- Only in the platform's own signed context: a statement slipped into a tenant's transaction reaches no log.
  if platform.tenant_id() is distinct from 'ten_00000000000000000000000000' then
    raise exception 'leaves are appended in the context of the platform' using errcode = 'insufficient_privilege';
  end if;
  update platform.audit_offset o set next_offset = p_next
    where o.topic = p_topic and o.partition = p_partition and o.next_offset = p_expected and p_next >= p_expected;
  if not found then
    return;
  end if;

  -- A tenant that nobody announced yet has a log from its first record on. Heads are locked in one order, whatever the batch's.
  insert into pool.audit_log (tenant_id) select distinct t from unnest(p_tenants) as t order by t on conflict do nothing;
  perform 1 from pool.audit_log l where l.tenant_id = any (p_tenants) order by l.tenant_id for update;

  -- Each entry once: what is in the log already, or twice in the batch, came again.
  select array_agg(i.place) into fresh_places from (
    select b.tenant_id, b.entry_id, min(b.place) as place
    from unnest(p_tenants, p_entries) with ordinality as b (tenant_id, entry_id, place) group by 1, 2
  ) i where not exists (select 1 from pool.leaf l where l.tenant_id = i.tenant_id and l.entry_id = i.entry_id);

  with stored as (
    insert into pool.leaf (tenant_id, leaf_index, entry_id, time, type, actor, action, resource, outcome, method, decision_id, trace_id, envelope)
    select b.tenant_id, l.size + row_number() over (partition by b.tenant_id order by b.place) - 1, b.entry_id,
           timestamptz 'epoch' + b.time_us * interval '1 microsecond', b.type, b.actor, b.action, b.resource, b.outcome, b.method, b.decision_id,
           b.trace_id, b.envelope
    from unnest(p_tenants, p_entries, p_times, p_types, p_actors, p_actions, p_resources, p_outcomes, p_methods, p_decisions, p_traces, p_envelopes)
           with ordinality as b (tenant_id, entry_id, time_us, type, actor, action, resource, outcome, method, decision_id, trace_id, envelope, place)
    join pool.audit_log l on l.tenant_id = b.tenant_id
    where b.place = any (fresh_places)
    returning tenant_id
  ), sums as (
    select s.tenant_id, count(*) as leaves from stored s group by 1
  ), grown as (
    update pool.audit_log l set size = l.size + s.leaves from sums s where l.tenant_id = s.tenant_id returning s.leaves
  )
  select coalesce(sum(g.leaves), 0) into appended from grown g;
  repeated := cardinality(p_tenants) - appended;

  -- An id that comes again with other bytes is no repetition.
  reused := 0;
  if repeated > 0 then
    insert into platform.set_aside (topic, partition, message_offset, key, value, reason)
    select p_topic, p_partition, b.message_offset, b.tenant_id, b.envelope, 'id used again with other content'
    from unnest(p_offsets, p_tenants, p_entries, p_envelopes) with ordinality as b (message_offset, tenant_id, entry_id, envelope, place)
    join pool.leaf l on l.tenant_id = b.tenant_id and l.entry_id = b.entry_id
    where b.place <> all (coalesce(fresh_places, '{}')) and l.envelope <> b.envelope;
    get diagnostics reused = row_count;
  end if;
  insert into platform.set_aside (topic, partition, message_offset, key, value, reason)
  select p_topic, p_partition, b.message_offset, b.key, b.value, b.reason
  from unnest(p_bad_offsets, p_bad_keys, p_bad_values, p_bad_reasons) as b (message_offset, key, value, reason);
  return next;
end $$;
revoke all on function platform.append_leaves from public;
grant execute on function platform.append_leaves to audit_runtime;
