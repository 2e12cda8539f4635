-- Sessions, the root of every token, and the refresh tokens that carry them on.

create table pool.sessions (
  tenant_id text not null,
  session_id text not null,
  user_id text not null,
  version bigint not null,
  -- When the credentials were checked.
  auth_time timestamptz not null,
  mfa boolean not null,
  create_time timestamptz not null default now(),
  last_used_time timestamptz not null default now(),
  expire_time timestamptz not null,
  -- Null while it lives.
  revoked_time timestamptz,
  constraint sessions_pkey primary key (tenant_id, session_id),
  constraint sessions_user foreign key (tenant_id, user_id) references pool.users (tenant_id, user_id)
);
select platform.attach_tenant_table('pool.sessions', 'relay-read');
create index sessions_of_user on pool.sessions (tenant_id, user_id, session_id);

create table pool.refresh_tokens (
  tenant_id text not null,
  session_id text not null,
  -- Dense from 1: the highest is the one to be used next.
  generation integer not null,
  -- SHA-256 of the secret part. It has 256 bits of randomness, so that a slow hash would protect nothing.
  hash bytea not null,
  expire_time timestamptz not null,
  -- When it was first exchanged for the next generation.
  used_time timestamptz,
  -- Whether it may not be presented again: it was, once more, or the one that it was exchanged for was superseded.
  spent boolean not null default false,
  constraint refresh_tokens_pkey primary key (tenant_id, session_id, generation),
  constraint refresh_tokens_session foreign key (tenant_id, session_id) references pool.sessions (tenant_id, session_id) on delete cascade
);
select platform.attach_tenant_table('pool.refresh_tokens');
create unique index refresh_tokens_hash on pool.refresh_tokens (tenant_id, session_id, hash);
