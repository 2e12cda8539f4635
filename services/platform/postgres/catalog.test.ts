import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { newId } from '../ids.js'
import { catalogViolations } from './catalog.js'
import { withClient } from './connection.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

const NOTES = `
  create table @.note (tenant_id text not null, id text not null, body text not null, primary key (tenant_id, id));
  select platform.attach_tenant_table('@.note');`

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({ service: 'data', migrations: [NOTES] })
})
afterAll(() => t.close())

const violations = (exempt: string[] = []) => catalogViolations((text, values) => t.query<{ what: string }>(text, values), { exempt })
/** What is found after `change`, which is undone. */
const after = (change: string) =>
  withClient(t.superuser, async (client) => {
    await client.query('begin')
    await client.query(change)
    const found = await catalogViolations(async (text, values) => (await client.query<{ what: string }>(text, values)).rows)
    await client.query('rollback')
    return found.join('\n')
  })

describe('catalogViolations()', () => {
  it('finds none in a database as it is provisioned (threats 3, 4, 5, 7)', async () => expect(await violations()).toEqual([]))

  it.each([
    ['row-level security off', 'alter table pool.note disable row level security', 'table pool.note has no forced'],
    ['not forced', 'alter table pool.note no force row level security', 'table pool.note has no forced'],
    ['a table that was never attached', 'create table pool.other (tenant_id text)', 'table pool.other with tenant_id'],
    [
      'a table without a tenant granted',
      'create table pool.other (x int); grant select on pool.other to data_runtime',
      'table pool.other has no',
    ],
    ['a policy for everyone', 'create policy p on pool.note to public using (true)', 'policy p of pool.note is for PUBLIC'],
    ['a policy without context', 'create policy p on pool.note to data_runtime using (true)', 'policy p of pool.note for data_runtime'],
    ['a unique index over tenants', 'create unique index u on pool.note (body)', 'unique index pool.u'],
    [
      'a foreign key over tenants',
      'create table pool.c (x text primary key, tenant_id text); alter table pool.note add foreign key (body) references pool.c',
      'foreign key note_body_fkey',
    ],
    ['a bypassing role', 'create role new_runtime bypassrls', 'role new_runtime has an attribute'],
    [
      'a membership',
      'create role new_owner; create role new_runtime; grant new_owner to new_runtime',
      'role new_runtime is a member of new_owner',
    ],
    ['a role that owns', 'alter table pool.note owner to data_runtime', 'role data_runtime owns pool.note'],
    [
      'a definer function without search_path',
      'create function pool.f() returns int language sql security definer as $$ select 1 $$',
      'definer function pool.f() has no',
    ],
    [
      'a function for everyone',
      'create function pool.f() returns int language sql as $$ select 1 $$',
      'function pool.f() may be run by PUBLIC',
    ],
    ['a view of its owner', 'create view pool.v as select * from pool.note', 'view pool.v is not security_invoker'],
    ['PUBLIC in a schema', 'grant usage on schema pool to public', 'PUBLIC has USAGE on schema pool'],
    ['PUBLIC on a table', 'grant select on pool.note to public', 'PUBLIC has SELECT on pool.note'],
  ])('negative control: sees %s', async (_, change, message) => expect(await after(change)).toContain(message))

  it('lets through what is exempt, and nothing else', async () => {
    await t.query('create table platform.names (name text); grant insert on platform.names to data_runtime')
    expect(await violations()).toEqual(['table platform.names has no forced row-level security'])
    expect(await violations(['platform.names'])).toEqual([])
    await t.query('drop table platform.names')
  })
})

describe('attach_tenant_table()', () => {
  it.each([
    ['create table pool.x (tenant_id text primary key, id text unique)', 'must begin with tenant_id'],
    ['create table pool.x (id text primary key, tenant_id text not null)', 'must begin with tenant_id'],
    ['create table pool.x (id text primary key)', 'needs a column tenant_id'],
    ['create table pool.x (tenant_id text not null)', 'needs a primary key'],
    ['create table pool.x (tenant_id uuid primary key)', 'needs a column tenant_id'],
  ])('refuses %s', async (table, message) => {
    await expect(t.query(`${table}; select platform.attach_tenant_table('pool.x')`)).rejects.toThrow(message)
  })
  it('refuses an option that it does not know', () =>
    expect(t.query(`select platform.attach_tenant_table('pool.note', 'everyone')`)).rejects.toThrow('unknown option everyone'))
})

describe('the owner of a table (threats 3)', () => {
  const rows = (sql = '') =>
    withClient(t.owner, async (client) => {
      await client.query('begin')
      if (sql) await client.query(sql)
      const { rowCount } = await client.query('select * from pool.note')
      await client.query('rollback')
      return rowCount
    })
  it('sees no row either; negative control: without FORCE it does', async () => {
    const tenant = newId('ten')
    await t.db.run(systemCall({ tenant }), {
      name: 'i',
      text: 'insert into @.note values ($1, $2, $3) returning 1',
      values: [tenant, 'a', 'b'],
      rows: 1,
    })
    expect(await rows()).toBe(0)
    expect(await rows('alter table pool.note no force row level security')).toBe(1)
  })
})

describe('a view (threats 5)', () => {
  it('shows another tenant nothing as security_invoker; negative control: as a superuser owner it does', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await t.db.run(systemCall({ tenant: a }), {
      name: 'i',
      text: 'insert into @.note values ($1, $2, $3) returning 1',
      values: [a, 'a', 'b'],
      rows: 1,
    })
    await t.query(
      'create view pool.safe with (security_invoker = true) as select * from pool.note; create view pool.leak as select * from pool.note',
    )
    await t.query('grant select on pool.safe, pool.leak to data_runtime')
    const read = async (view: string) =>
      (await t.db.run(systemCall({ tenant: b }), { name: view, text: `select * from pool.${view}`, values: [] }))[0]
    expect(await read('safe')).toEqual([])
    expect(await read('leak')).not.toEqual([])
    await t.query('drop view pool.safe, pool.leak')
  })
})
