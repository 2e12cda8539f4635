/** Consumer groups with leased partitions, and retention that waits for them. */
export const groupsSql = `
-- A partition number is leased whole, in all topics of the group: so one consumer sees all of a tenant.
create table log.lease (
  group_name text not null,
  partition integer not null,
  member text,
  generation bigint not null default 0,
  expires timestamptz,
  primary key (group_name, partition)
);
create table log.member (
  group_name text not null,
  member text not null,
  expires timestamptz not null,
  primary key (group_name, member)
);
create table log.subscription (
  group_name text not null,
  topic text not null,
  primary key (group_name, topic)
);
create table log.position (
  group_name text not null,
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (group_name, topic, partition)
);

-- One heartbeat of a member: joins the group or stays in it, gives back what it names, takes its share of what is free, and answers with what it
-- has. surplus is to be given back once the batch at hand is done.
create function log.beat(p_group text, p_member text, p_topics text[], p_lease interval, p_release integer[])
returns table (partition integer, generation bigint, surplus boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz;
  members integer;
  place integer;
  quota integer;
  partitions integer;
begin
  perform pg_advisory_xact_lock(hashtextextended('log.group:' || p_group, 0));
  at := clock_timestamp();
  select count(distinct p.partition) into partitions from log.partition p;
  insert into log.lease (group_name, partition) select distinct p_group, p.partition from log.partition p on conflict do nothing;
  insert into log.subscription (group_name, topic) select p_group, topic from unnest(p_topics) as topic on conflict do nothing;
  insert into log.member (group_name, member, expires) values (p_group, p_member, at + p_lease)
    on conflict (group_name, member) do update set expires = excluded.expires;
  delete from log.member m where m.group_name = p_group and m.expires < at;
  update log.lease l set member = null, expires = null
    where l.group_name = p_group and ((l.member = p_member and l.partition = any (p_release)) or (l.member <> p_member and l.expires < at));
  update log.lease l set expires = at + p_lease where l.group_name = p_group and l.member = p_member;
  select count(*), count(*) filter (where m.member < p_member) into members, place from log.member m where m.group_name = p_group;
  quota := partitions / members + (case when place < partitions % members then 1 else 0 end);
  update log.lease l set member = p_member, generation = l.generation + 1, expires = at + p_lease
    where l.group_name = p_group and l.partition in (
      select f.partition from log.lease f where f.group_name = p_group and f.member is null order by f.partition
      limit greatest(0, quota - (select count(*) from log.lease o where o.group_name = p_group and o.member = p_member))
    );
  return query
    select l.partition, l.generation, row_number() over (order by l.partition) > quota
    from log.lease l where l.group_name = p_group and l.member = p_member;
end $$;

create function log.leave(p_group text, p_member text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update log.lease set member = null, expires = null where group_name = p_group and member = p_member;
  delete from log.member where group_name = p_group and member = p_member;
$$;

-- Notes how far a group has come. False: the partition is another member's by now, and the answer to a batch counts for nothing.
create function log.commit_offset(p_group text, p_member text, p_generation bigint, p_topic text, p_partition integer, p_next bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from log.lease l
    where l.group_name = p_group and l.partition = p_partition and l.member = p_member and l.generation = p_generation for share;
  if not found then
    return false;
  end if;
  insert into log.position as p (group_name, topic, partition, next_offset) values (p_group, p_topic, p_partition, p_next)
    on conflict (group_name, topic, partition) do update set next_offset = excluded.next_offset where p.next_offset < excluded.next_offset;
  return true;
end $$;

-- Deletes the oldest messages of each partition: older than an age or beyond a size, at most p_limit a partition, and never what a group that
-- reads the topic has not had. A topic that no group ever read keeps everything.
create function log.expire(p_age interval, p_bytes bigint, p_limit integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  part log.partition;
  consumed bigint;
  last_offset bigint;
  freed bigint;
  deleted bigint := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('log.expire', 0)) then
    return 0;
  end if;
  for part in select * from log.partition where next_offset > first_offset loop
    select min(coalesce(p.next_offset, 0)) into consumed
      from log.subscription s
      left join log.position p on p.group_name = s.group_name and p.topic = s.topic and p.partition = part.partition
      where s.topic = part.topic;
    continue when consumed is null or consumed <= part.first_offset;
    select max(o."offset"), coalesce(max(o.upto), 0) into last_offset, freed from (
      select m."offset", m.time, octet_length(m.value) as size, sum(octet_length(m.value)) over (order by m."offset") as upto
      from log.message m
      where m.topic = part.topic and m.partition = part.partition and m."offset" < consumed
      order by m."offset" limit p_limit
    ) o where o.time < clock_timestamp() - p_age or part.bytes - (o.upto - o.size) > p_bytes;
    continue when last_offset is null;
    delete from log.message m where m.topic = part.topic and m.partition = part.partition and m."offset" <= last_offset;
    update log.partition p set first_offset = last_offset + 1, bytes = p.bytes - freed
      where p.topic = part.topic and p.partition = part.partition;
    deleted := deleted + last_offset + 1 - part.first_offset;
  end loop;
  return deleted;
end $$;

revoke all on all functions in schema log from public;
grant select on log.lease, log.member, log.subscription, log.position to events_consumer;
grant execute on function log.beat, log.leave, log.commit_offset, log.expire to events_consumer;
`
