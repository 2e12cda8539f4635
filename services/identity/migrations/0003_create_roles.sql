-- Roles, and who holds them.

create table pool.roles (
  tenant_id text not null,
  role_id text not null,
  version bigint not null,
  name text not null,
  description text not null,
  actions text[] not null,
  built_in boolean not null,
  -- A deleted role stays as a tombstone that carries the version on.
  deleted boolean not null default false,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  changed_xid xid8 not null default pg_current_xact_id(),
  constraint roles_pkey primary key (tenant_id, role_id)
);
select platform.attach_tenant_table('pool.roles', 'relay-read');
create unique index roles_name on pool.roles (tenant_id, name) where not deleted;
create index roles_changed on pool.roles (changed_xid);

create table pool.grants (
  tenant_id text not null,
  user_id text not null,
  role_id text not null,
  -- Empty: the whole tenant.
  collection_id text not null,
  create_time timestamptz not null default now(),
  constraint grants_pkey primary key (tenant_id, user_id, role_id, collection_id),
  constraint grants_user foreign key (tenant_id, user_id) references pool.users (tenant_id, user_id),
  constraint grants_role foreign key (tenant_id, role_id) references pool.roles (tenant_id, role_id)
);
select platform.attach_tenant_table('pool.grants', 'relay-read');
create index grants_of_role on pool.grants (tenant_id, role_id);
