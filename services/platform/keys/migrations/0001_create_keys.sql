-- Wrapped keys of tenants and users. Nothing in here opens anything without the KMS. Roles: keys_identity and keys_audit make pairs,
-- keys_audit alone reads private halves; each has data keys of its own service. A destroyed key leaves its row, so that it is never made a second time.

create table @.kek (
  tenant_id text not null,
  kms_key text not null,
  wrapped bytea,
  created timestamptz not null default now(),
  destroyed timestamptz,
  primary key (tenant_id),
  check ((wrapped is null) = (destroyed is not null))
);

-- Of the tenant itself where user_id is empty.
create table @.pair (
  tenant_id text not null,
  user_id text not null,
  key_id text not null,
  public_key bytea not null check (length(public_key) = 32),
  created timestamptz not null default now(),
  primary key (tenant_id, user_id),
  unique (tenant_id, key_id)
);

create table @.private_half (
  tenant_id text not null,
  key_id text not null,
  wrapped bytea,
  destroyed timestamptz,
  primary key (tenant_id, key_id),
  foreign key (tenant_id, key_id) references @.pair (tenant_id, key_id),
  check ((wrapped is null) = (destroyed is not null))
);

create table @.data_key (
  tenant_id text not null,
  purpose text not null,
  key_id text not null,
  wrapped bytea,
  created timestamptz not null default now(),
  destroyed timestamptz,
  primary key (tenant_id, purpose),
  check ((wrapped is null) = (destroyed is not null))
);

revoke all on @.kek, @.pair, @.private_half, @.data_key from public;

grant select on @.kek to keys_identity, keys_data, keys_audit;
grant insert (tenant_id, kms_key, wrapped) on @.kek to keys_identity, keys_data, keys_audit;

grant select on @.pair to keys_identity, keys_audit;
grant insert (tenant_id, user_id, key_id, public_key) on @.pair to keys_identity, keys_audit;

-- Identity writes what it cannot read.
grant insert (tenant_id, key_id, wrapped) on @.private_half to keys_identity, keys_audit;
grant select on @.private_half to keys_audit;

grant select on @.data_key to keys_identity, keys_data, keys_audit;
grant insert (tenant_id, purpose, key_id, wrapped) on @.data_key to keys_identity, keys_data, keys_audit;

-- A purpose begins with its service, as in `data.request`; other services' rows do not exist for it.
alter table @.data_key enable row level security;
alter table @.data_key force row level security;
create policy own_purpose on @.data_key to keys_identity, keys_data, keys_audit
  using (split_part(purpose, '.', 1) = substr(current_user::text, length('keys_') + 1))
  with check (split_part(purpose, '.', 1) = substr(current_user::text, length('keys_') + 1));
