-- How a schema of tenant tables is laid: the pool's here, a tenant's own when it is provisioned, both from the same text. Every later migration adds
-- its step to platform.layout and lays it in the schema that it is run for; a new tenant gets all steps in one call.

create table if not exists platform.layout (
  number int not null primary key,
  -- DDL for format(): %1$I is the schema.
  ddl text not null
);
revoke all on platform.layout from public;

create or replace function platform.add_layout(step int, step_ddl text) returns void
  language sql set search_path = '' as $$
  insert into platform.layout (number, ddl) values (step, step_ddl) on conflict (number) do nothing
$$;

create or replace function platform.lay(step int, target text) returns void
  language plpgsql set search_path = '' as $$
begin
  execute (select pg_catalog.format(l.ddl, target) from platform.layout l where l.number = step);
end $$;

-- Which tenants this database has been prepared for, and how.
create table if not exists platform.placement (
  tenant_id text not null primary key check (tenant_id ~ '^ten_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
  placement text not null check (placement in ('pool', 'schema')),
  operation_id text not null,
  create_time timestamptz not null default clock_timestamp()
);
revoke all on platform.placement from public;

-- Lays the newest schema for the tenant of a context signed for that purpose and naming an operation. Again, it finds its work done; broken off, it
-- left nothing. Never for the tenant or the schema of an argument: the runtime role can't choose what is made.
create or replace function platform.provision_tenant(wanted text) returns text
  language plpgsql security definer set search_path = '' as $$
declare
  tenant text := platform.require_purpose('provision');
  operation text := platform.operation();
  known text;
begin
  if tenant !~ '^ten_[0-7][0-9a-hjkmnp-tv-z]{25}$' then
    raise exception 'not a tenant' using errcode = 'TN001';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(tenant, 0));
  select p.placement into known from platform.placement p where p.tenant_id = tenant;
  if known is not null then
    return known;
  end if;
  if wanted = 'schema' then
    execute pg_catalog.format('create schema %I', tenant);
    execute pg_catalog.format('grant usage on schema %I to data_runtime, data_relay', tenant);
    perform platform.lay(l.number, tenant) from (select number from platform.layout order by number) l;
    insert into platform.migration (schema, number, name, checksum)
      select tenant, m.number, m.name, m.checksum from platform.migration m where m.schema = 'pool';
  end if;
  insert into platform.placement (tenant_id, placement, operation_id) values (tenant, wanted, operation);
  return wanted;
end $$;

revoke all on function platform.add_layout(int, text), platform.lay(int, text), platform.provision_tenant(text) from public;
grant execute on function platform.provision_tenant(text) to data_runtime;
