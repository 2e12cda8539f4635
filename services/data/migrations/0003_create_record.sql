-- Records, and what stays of those that were deleted.

select platform.add_layout(3, $ddl$
  create table %1$I.record (
    tenant_id text not null,
    collection_id text not null,
    record_id text collate "C" not null,
    -- Dense for an id, over deletes and new beginnings, too.
    version bigint not null check (version > 0),
    -- Fields that are stored in clear, by name; those that are sealed, under a key of that version.
    clear jsonb not null,
    sealed bytea,
    key_version int,
    -- Of the fields as JSON: a page of records is cut where its sum reaches a limit, without their being read.
    bytes int not null,
    owner text not null,
    classification smallint not null check (classification between 1 and 4),
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    constraint record_pkey primary key (tenant_id, collection_id, record_id),
    constraint record_collection foreign key (tenant_id, collection_id) references %1$I.collection (tenant_id, collection_id)
  );
  select platform.attach_tenant_table('%1$I.record');

  create table %1$I.tombstone (
    tenant_id text not null,
    collection_id text not null,
    -- Empty for the collection itself.
    record_id text collate "C" not null,
    -- That of the delete's event.
    version bigint not null,
    delete_time timestamptz not null default now(),
    constraint tombstone_pkey primary key (tenant_id, collection_id, record_id)
  );
  select platform.attach_tenant_table('%1$I.tombstone');
$ddl$);

-- The schema that this migration is run for.
select platform.lay(3, trim('".' from '@.'));
