/**
 * The signed tenant context, verified. `tenantry.context` is text of eight parts joined by dots:
 * `v1`, key id, purpose, tenant, backend pid, expiry (Unix ms of this database's clock), operation (may be empty), HMAC-SHA-256 in hex of what stands before.
 * Whoever can run SQL as the runtime role can set any text, but can't read the keys. Every function raises (TN001) where it can't answer: none returns null.
 * `clock_timestamp()`, because a transaction's own time stands still. Parallel restricted: a worker has another pid.
 */
export const contextSql = (service: string): string => `
create table platform.context_key (
  id text primary key check (id ~ '^[a-z0-9]{1,16}$'),
  secret bytea not null check (octet_length(secret) >= 32),
  not_after timestamptz
);

create function platform.signed_context(purposes text[]) returns text[]
  language plpgsql stable parallel restricted as $$
declare
  raw text := pg_catalog.current_setting('tenantry.context', true);
  part text[] := pg_catalog.string_to_array(raw, '.');
  key bytea;
begin
  if pg_catalog.cardinality(part) is distinct from 8 or part[1] is distinct from 'v1' then
    raise exception 'no tenant context' using errcode = 'TN001';
  end if;
  select k.secret into key from platform.context_key k
    where k.id = part[2] and (k.not_after is null or k.not_after > pg_catalog.clock_timestamp());
  if key is null or part[8] is distinct from pg_catalog.encode(platform.hmac(
    pg_catalog.convert_to(pg_catalog.left(raw, -1 - pg_catalog.length(part[8])), 'UTF8'), key, 'sha256'), 'hex') then
    raise exception 'tenant context is not ours' using errcode = 'TN001';
  end if;
  if part[5]::int is distinct from pg_catalog.pg_backend_pid() then
    raise exception 'tenant context of another backend' using errcode = 'TN001';
  end if;
  if (part[6]::bigint > extract(epoch from pg_catalog.clock_timestamp()) * 1000) is not true then
    raise exception 'tenant context has expired' using errcode = 'TN001';
  end if;
  if (part[3] = any (purposes)) is not true then
    raise exception 'tenant context of another purpose' using errcode = 'TN001';
  end if;
  return part;
end $$;

create function platform.tenant_id() returns text
  language plpgsql stable parallel restricted security definer set search_path = '' as $$
begin
  return (platform.signed_context('{tenant,platform}'))[4];
end $$;

create function platform.purpose() returns text
  language plpgsql stable parallel restricted security definer set search_path = '' as $$
begin
  return (platform.signed_context('{tenant,platform,provision}'))[3];
end $$;

create function platform.reads_across() returns boolean
  language plpgsql stable parallel restricted security definer set search_path = '' as $$
begin
  return (platform.signed_context('{tenant,platform}'))[3] = 'platform';
end $$;

-- For definer functions: the tenant of a context with exactly that purpose.
create function platform.require_purpose(wanted text) returns text
  language plpgsql stable parallel restricted security definer set search_path = '' as $$
begin
  return (platform.signed_context(array[wanted]))[4];
end $$;

-- The operation id that a provision context names.
create function platform.operation() returns text
  language plpgsql stable parallel restricted security definer set search_path = '' as $$
declare
  operation text := (platform.signed_context('{provision}'))[7];
begin
  if operation is null or operation = '' then
    raise exception 'tenant context names no operation' using errcode = 'TN001';
  end if;
  return operation;
end $$;

revoke all on table platform.context_key from public;
revoke all on all functions in schema platform from public;
grant execute on function platform.tenant_id(), platform.purpose(), platform.reads_across(), platform.require_purpose(text), platform.operation()
  to ${service}_runtime;
`
