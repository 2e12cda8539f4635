-- Collections of records: what a tenant's data looks like.

select platform.add_layout(2, $ddl$
  create table %1$I.collection (
    tenant_id text not null,
    collection_id text not null,
    version bigint not null check (version > 0),
    name text not null,
    display_name text not null,
    -- [{name, type, required, classification}]: grows only, so that what a record was accepted for stays true.
    fields jsonb not null,
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    constraint collection_pkey primary key (tenant_id, collection_id),
    constraint collection_name unique (tenant_id, name)
  );
  select platform.attach_tenant_table('%1$I.collection');
$ddl$);

-- The schema that this migration is run for.
select platform.lay(2, trim('".' from '@.'));
