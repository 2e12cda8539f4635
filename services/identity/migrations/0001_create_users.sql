-- People of the tenants, and how they prove who they are.

create table pool.users (
  tenant_id text not null,
  user_id text not null,
  version bigint not null,
  -- Null once deleted: the row stays as a tombstone that carries the version on.
  email text,
  -- In Unicode NFC and lower case: what is unique in the tenant and what a login looks up.
  email_key text,
  display_name text not null,
  status text not null check (status in ('active', 'suspended', 'deleted')),
  -- X25519: what events and records about this person are sealed to.
  public_key bytea not null,
  public_key_id text not null,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  -- The transaction that changed the facts of the row last.
  changed_xid xid8 not null default pg_current_xact_id(),
  constraint users_pkey primary key (tenant_id, user_id),
  constraint users_email_key unique (tenant_id, email_key),
  check ((email is null) = (status = 'deleted')),
  check ((email_key is null) = (status = 'deleted'))
);
select platform.attach_tenant_table('pool.users', 'relay-read');
create index users_changed on pool.users (changed_xid);

create table pool.credentials (
  tenant_id text not null,
  user_id text not null,
  kind text not null check (kind in ('password')),
  -- A password's hash in PHC string format.
  secret text not null,
  create_time timestamptz not null default now(),
  constraint credentials_pkey primary key (tenant_id, user_id, kind),
  constraint credentials_user foreign key (tenant_id, user_id) references pool.users (tenant_id, user_id)
);
select platform.attach_tenant_table('pool.credentials');
