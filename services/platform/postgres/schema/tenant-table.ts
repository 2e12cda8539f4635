/**
 * `platform.attach_tenant_table(table, option...)`: the one way a tenant table comes to be. It refuses a table whose keys don't begin with `tenant_id`,
 * forces row-level security, grants the runtime role what the options say, and writes the policies. Again on the same table, it renews them.
 * Options: `append-only` (no update, no delete), `platform-read` (a context of purpose `platform` sees every tenant's rows), `relay-read`, `relay-delete`.
 */
export const tenantTableSql = (service: string): string => `
create function platform.attach_tenant_table(tenant_table regclass, variadic options text[] default '{}') returns void
  language plpgsql set search_path = '' as $$
declare
  tenant_column smallint;
  unknown text;
  bad text;
begin
  select o into unknown from pg_catalog.unnest(options) o where o not in ('append-only', 'platform-read', 'relay-read', 'relay-delete');
  if unknown is not null then raise exception 'attach_tenant_table: unknown option %', unknown; end if;

  select a.attnum into tenant_column from pg_catalog.pg_attribute a
    where a.attrelid = tenant_table and a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'text'::pg_catalog.regtype;
  if tenant_column is null then raise exception '% needs a column tenant_id text not null', tenant_table; end if;
  if not exists (select from pg_catalog.pg_index i where i.indrelid = tenant_table and i.indisprimary) then
    raise exception '% needs a primary key', tenant_table;
  end if;
  -- An index over all tenants would tell one of them that another has the value.
  select i.indexrelid::pg_catalog.regclass::text into bad from pg_catalog.pg_index i
    where i.indrelid = tenant_table and i.indisunique and i.indkey[0] is distinct from tenant_column;
  if bad is not null then raise exception 'unique index % of % must begin with tenant_id', bad, tenant_table; end if;
  select c.conname into bad from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute r on r.attrelid = c.confrelid and r.attnum = c.confkey[1]
    where c.conrelid = tenant_table and c.contype = 'f' and (c.conkey[1] is distinct from tenant_column or r.attname <> 'tenant_id');
  if bad is not null then raise exception 'foreign key % of % must begin with tenant_id on both sides', bad, tenant_table; end if;

  execute pg_catalog.format('alter table %s enable row level security', tenant_table);
  execute pg_catalog.format('alter table %s force row level security', tenant_table);
  execute pg_catalog.format('revoke all on table %s from public, ${service}_runtime, ${service}_relay', tenant_table);
  execute pg_catalog.format('grant select, insert%s on table %s to ${service}_runtime',
    case when 'append-only' = any (options) then '' else ', update, delete' end, tenant_table);
  execute pg_catalog.format('drop policy if exists tenant_rows on %s', tenant_table);
  execute pg_catalog.format('create policy tenant_rows on %s to ${service}_runtime
    using (tenant_id = (select platform.tenant_id())) with check (tenant_id = (select platform.tenant_id()))', tenant_table);

  execute pg_catalog.format('drop policy if exists platform_reads on %s', tenant_table);
  if 'platform-read' = any (options) then
    execute pg_catalog.format('create policy platform_reads on %s for select to ${service}_runtime using ((select platform.reads_across()))', tenant_table);
  end if;

  execute pg_catalog.format('drop policy if exists relay_reads on %s', tenant_table);
  execute pg_catalog.format('drop policy if exists relay_locks on %s', tenant_table);
  execute pg_catalog.format('drop policy if exists relay_deletes on %s', tenant_table);
  if 'relay-read' = any (options) or 'relay-delete' = any (options) then
    execute pg_catalog.format('grant select on table %s to ${service}_relay', tenant_table);
    execute pg_catalog.format('create policy relay_reads on %s for select to ${service}_relay using (true)', tenant_table);
  end if;
  if 'relay-delete' = any (options) then
    -- \`for update\` wants the privilege to update one column; the policy lets it lock and never write.
    execute pg_catalog.format('grant delete, update (tenant_id) on table %s to ${service}_relay', tenant_table);
    execute pg_catalog.format('create policy relay_locks on %s for update to ${service}_relay using (true) with check (false)', tenant_table);
    execute pg_catalog.format('create policy relay_deletes on %s for delete to ${service}_relay using (true)', tenant_table);
  end if;
end $$;

-- Raises (TN002) unless the change met as many rows as it must: COMMIT is on the wire already when it runs.
create function platform.expect_rows(actual bigint, at_least bigint, at_most bigint) returns boolean
  language plpgsql set search_path = '' as $$
begin
  if actual between at_least and at_most then return true; end if;
  raise exception 'unexpected number of rows' using errcode = 'TN002';
end $$;

revoke all on function platform.attach_tenant_table(regclass, text[]) from public;
revoke all on function platform.expect_rows(bigint, bigint, bigint) from public;
grant execute on function platform.expect_rows(bigint, bigint, bigint) to ${service}_runtime, ${service}_relay;
`
