-- The tenants of the region, and the long work done on them.

create table pool.tenant (
  tenant_id text not null,
  version bigint not null,
  slug text not null,
  display_name text not null,
  status text not null check (status in ('provisioning', 'active', 'suspended')),
  tier text not null check (tier in ('standard', 'premium')),
  placement text not null check (placement in ('pool', 'schema')),
  region text not null,
  -- X25519: what events and records about the tenant are sealed to. Null until the first step of its provisioning.
  public_key bytea,
  public_key_id text,
  create_time timestamptz not null default clock_timestamp(),
  update_time timestamptz not null default clock_timestamp(),
  changed_xid xid8 not null default pg_current_xact_id(),
  constraint tenant_pkey primary key (tenant_id)
);
select platform.attach_tenant_table('pool.tenant', 'relay-read');
create index tenant_changed on pool.tenant (changed_xid);

create table pool.operation (
  tenant_id text not null,
  operation_id text not null,
  version bigint not null,
  type text not null,
  target text not null,
  -- Subject that asked; no token is stored.
  initiator text not null,
  done boolean not null default false,
  steps jsonb not null,
  error_reason text,
  error_message text,
  attempts integer not null default 0,
  -- A replica works on it until then.
  claimed_until timestamptz not null default '-infinity',
  create_time timestamptz not null default clock_timestamp(),
  update_time timestamptz not null default clock_timestamp(),
  constraint operation_pkey primary key (tenant_id, operation_id)
);
select platform.attach_tenant_table('pool.operation');
create index operation_unfinished on pool.operation (create_time) where not done;

-- Slugs are unique across tenants, so their index stands apart from the tenants' rows and shows nothing: the runtime role can only add to it.
create table platform.directory (
  slug text not null,
  tenant_id text not null,
  constraint directory_pkey primary key (slug)
);
grant insert on platform.directory to tenant_runtime;

-- Operators act across tenants here, in contexts signed for that purpose: to list tenants, to make one, and to carry unfinished work on.
create policy operators on pool.tenant for all to tenant_runtime
  using ((select platform.purpose()) = 'platform') with check ((select platform.purpose()) = 'platform');
create policy operators on pool.operation for all to tenant_runtime
  using ((select platform.purpose()) = 'platform') with check ((select platform.purpose()) = 'platform');
