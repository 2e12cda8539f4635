import { PLATFORM_TENANT } from '../../ids.js'

/**
 * The outbox: one row an event, of columns; the relay builds the envelope from them and deletes what was acknowledged. `tenant_id` is the log that the event
 * goes into: the context's tenant, or any when the context is the platform tenant's. The runtime role inserts and can't read back.
 * `actor` and `fact` are protobuf JSON (tenantry.events.v1.Actor, tenantry.facts.v1.Fact); each of `sealed` an encoded tenantry.events.v1.SealedPart.
 */
export const outboxSql = (service: string): string => `
create table platform.outbox (
  tenant_id text not null,
  id text not null,
  seq bigint generated always as identity,
  topic text not null check (topic in ('facts', 'changes')),
  type text not null,
  subject text not null,
  version bigint not null check (version > 0),
  ordinal int not null check (ordinal > 0),
  decision_id bytea not null,
  action text not null,
  time timestamptz not null default now(),
  actor jsonb not null,
  region text not null,
  trace_id text not null,
  traceparent text not null,
  changed_fields text[] not null,
  attributes jsonb not null,
  fact jsonb,
  sealed bytea[] not null,
  primary key (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
create index outbox_oldest on platform.outbox (seq);

select platform.attach_tenant_table('platform.outbox', 'append-only', 'relay-delete');
revoke select on platform.outbox from ${service}_runtime;
drop policy tenant_rows on platform.outbox;
create policy tenant_rows on platform.outbox for insert to ${service}_runtime
  with check ((select platform.tenant_id()) in (tenant_id, '${PLATFORM_TENANT}'));
`

/**
 * Request ids: a row exists only if its change does, for it is inserted from the change's RETURNING. Kept for 24 hours at least, until swept; `answer` is
 * sealed where it says more than name, version and time.
 */
export const requestSql = (service: string): string => `
create table platform.request (
  tenant_id text not null,
  caller text not null,
  method text not null,
  request_id text not null,
  digest bytea not null check (octet_length(digest) = 32),
  name text not null,
  version bigint not null,
  time timestamptz not null default now(),
  answer bytea check (octet_length(answer) <= 4096),
  expires timestamptz not null default now() + interval '24 hours',
  primary key (tenant_id, caller, method, request_id)
);
create index request_expires on platform.request (expires);

select platform.attach_tenant_table('platform.request', 'append-only');
grant select (tenant_id, caller, method, request_id, expires), delete on platform.request to ${service}_relay;
create policy relay_reads on platform.request for select to ${service}_relay using (expires < now());
create policy relay_deletes on platform.request for delete to ${service}_relay using (expires < now());
`
