import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { newId } from '../platform/ids.js'
import { systemCall } from '../platform/postgres/testing.js'
import { provisionTenant } from './store/provision-tenant.js'
import { openTestData, refusal } from './testing.js'
import type { TestData } from './testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { prepareTenant } = TenancyService.method
const request = (tenantId: string, placement: string, operationId = newId('op')) => ({
  tenantId,
  operationId,
  placement,
  tier: 'standard',
  region: 'local',
})
const tablesOf = async (schema: string): Promise<string[]> =>
  (await data.database.query<{ name: string }>(`select tablename as name from pg_tables where schemaname = $1 order by 1`, [schema])).map(
    ({ name }) => name,
  )
/** What the catalog says of a schema's tables, but for its name. */
const shapeOf = (schema: string) =>
  data.database.query(
    `select c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) as owner, c.relacl::text,
       array(select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 order by a.attnum) as columns,
       array(select replace(k.conname || pg_get_constraintdef(k.oid), n.nspname || '.', '') from pg_constraint k
             where k.conrelid = c.oid order by 1) as constraints,
       array(select p.policyname || p.cmd || p.roles::text || coalesce(p.qual, '') || coalesce(p.with_check, '') from pg_policies p
             where p.schemaname = n.nspname and p.tablename = c.relname order by 1) as policies
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r' order by 1`,
    [schema],
  )

describe('prepareTenant()', () => {
  it('lays a schema that is the pool again', async () => {
    const tenantId = await data.tenant('schema')
    expect(await tablesOf(tenantId)).toEqual(['collection', 'record', 'tombstone'])
    expect(await shapeOf(tenantId)).toEqual(await shapeOf('pool'))
    const migrations = 'select number, name, checksum from platform.migration where schema = $1 order by number'
    expect(await data.database.query(migrations, [tenantId])).toEqual(await data.database.query(migrations, ['pool']))
  })

  it('makes no schema for the pool', async () => {
    const tenantId = await data.tenant('pool')
    expect(await tablesOf(tenantId)).toEqual([])
    expect(await data.database.query('select placement from platform.placement where tenant_id = $1', [tenantId])).toEqual([
      { placement: 'pool' },
    ])
  })

  it('finds its work done when it is asked again, by the same operation or another', async () => {
    const tenantId = newId('ten')
    const first = request(tenantId, 'schema')
    await data.call(prepareTenant, first)
    await data.call(prepareTenant, first)
    await data.call(prepareTenant, request(tenantId, 'schema'))
    expect(await data.database.query('select operation_id from platform.placement where tenant_id = $1', [tenantId])).toEqual([
      { operation_id: first.operationId },
    ])
  })

  it('answers one of two that come at once with the work of the other', async () => {
    const tenantId = newId('ten')
    await Promise.all(Array.from({ length: 6 }, () => data.call(prepareTenant, request(tenantId, 'schema'))))
    expect(await tablesOf(tenantId)).toHaveLength(3)
  })

  it('refuses another placement than the one that was laid', async () => {
    const tenantId = await data.tenant('schema')
    expect((await refusal(data.call(prepareTenant, request(tenantId, 'pool')))).reason).toBe('CONFLICT')
  })

  it('leaves nothing of what was broken off, and goes on from there', async () => {
    const tenantId = newId('ten')
    await data.database.query('alter table platform.layout rename to layout_away')
    await expect(data.call(prepareTenant, request(tenantId, 'schema'))).rejects.toThrow()
    await data.database.query('alter table platform.layout_away rename to layout')
    expect(await data.database.query('select from pg_namespace where nspname = $1', [tenantId])).toEqual([])
    await data.call(prepareTenant, request(tenantId, 'schema'))
    expect(await tablesOf(tenantId)).toHaveLength(3)
  })

  it.each(['tenant_id', 'operation_id', 'placement', 'tier'])('refuses a bad %s', async (field) => {
    const local = field.replace(/_(.)/, (_, letter: string) => letter.toUpperCase())
    for (const bad of ['', "x'; drop schema pool; --", 'pool"', 'ten_\0', 'ten_ABC'])
      expect((await refusal(data.call(prepareTenant, { ...request(newId('ten'), 'pool'), [local]: bad }))).violations[0]?.field).toBe(field)
  })
})

describe('platform.provision_tenant()', () => {
  const run = (purpose: 'tenant' | 'provision', operation?: string) =>
    data.database.db.run(systemCall({ tenant: newId('ten'), purpose, operation }), provisionTenant('schema'))

  it('takes a context of its purpose that names an operation, and no other', async () => {
    data.know(newId('ten'), 'pool')
    await expect(run('provision', newId('op'))).resolves.toBeDefined()
    await expect(run('provision')).rejects.toThrow()
    const tenant = await data.tenant('pool')
    await expect(data.database.db.run(systemCall({ tenant, operation: newId('op') }), provisionTenant('schema'))).rejects.toThrow()
    expect(await tablesOf(tenant)).toEqual([])
  })

  it('can be called by nobody else, and its parts by nobody but it', async () => {
    const callers = (name: string) =>
      data.database.query<{ role: string }>(
        `select r.rolname as role from pg_roles r, pg_proc p where p.proname = $1 and p.pronamespace = 'platform'::regnamespace
           and not r.rolsuper and r.rolname not like 'pg\\_%' and has_function_privilege(r.oid, p.oid, 'execute') order by 1`,
        [name],
      )
    expect(await callers('provision_tenant')).toEqual([{ role: 'data_owner' }, { role: 'data_runtime' }])
    expect(await callers('lay')).toEqual([{ role: 'data_owner' }])
    expect(await callers('add_layout')).toEqual([{ role: 'data_owner' }])
    expect(
      await data.database.query(
        `select proconfig from pg_proc where prosecdef and proname = 'provision_tenant' and pronamespace = 'platform'::regnamespace`,
      ),
    ).toEqual([{ proconfig: ['search_path=""'] }])
  })
})
