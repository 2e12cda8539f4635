-- Keys that sign access tokens, of the tenant in whose name they issue: today the platform's, for everyone.

create table pool.signing_keys (
  tenant_id text not null,
  -- Dense from 1. The key in this row makes two replicas that rotate at once agree on one.
  generation integer not null,
  -- RFC 7638 thumbprint.
  kid text not null,
  public_jwk jsonb not null,
  -- PKCS #8, wrapped by the KMS.
  wrapped_private bytea not null,
  create_time timestamptz not null default now(),
  -- It signs from then on, until the next generation does; it is published from its creation.
  active_from timestamptz not null,
  constraint signing_keys_pkey primary key (tenant_id, generation)
);
select platform.attach_tenant_table('pool.signing_keys');
create unique index signing_keys_kid on pool.signing_keys (tenant_id, kid);

-- Attempts to log in, counted by window. An attempt belongs to no tenant before it succeeded, so they are all the platform's rows.
create table pool.login_attempts (
  tenant_id text not null,
  -- HMAC of the account or of the client's address: neither stands here in clear.
  key bytea not null,
  window_start timestamptz not null,
  attempts integer not null,
  constraint login_attempts_pkey primary key (tenant_id, key, window_start)
);
select platform.attach_tenant_table('pool.login_attempts');
create index login_attempts_old on pool.login_attempts (window_start);
