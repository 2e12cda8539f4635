import { createHmac } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { PLATFORM_TENANT, newId } from '../ids.js'
import { clientOptions } from './connection.js'
import { contextSigner } from './context.js'
import type { ContextClaims } from './context.js'
import { provisionDatabase, servicePlan } from './provisioner.js'
import { newContextKey } from './secrets.js'
import { testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

let t: TestDatabase
let client: pg.Client
beforeAll(async () => {
  t = await testDatabase({
    service: 'data',
    migrations: [
      `create table @.note (tenant_id text not null, id text not null, primary key (tenant_id, id));
       select platform.attach_tenant_table('@.note', 'platform-read');`,
    ],
  })
})
afterAll(() => t.close())
// A policy is asked for nothing where there is no row.
beforeAll(() => t.query(`insert into pool.note values ('${newId('ten')}', 'row')`))
beforeEach(async () => {
  client = new pg.Client(clientOptions(t.runtime))
  await client.connect()
})
afterEach(() => client.end())

const tenant = newId('ten')
const pid = () => (client as unknown as { processID: number }).processID
const claims = (over: Partial<ContextClaims> = {}): ContextClaims => ({
  tenant,
  purpose: 'tenant',
  pid: pid(),
  expires: Date.now() + 60_000,
  ...over,
})
const signed = (over?: Partial<ContextClaims>) => contextSigner(t.contextKey)(claims(over))
/** What a statement gives under that context, in a transaction of its own. */
const under = async (context: string | undefined, text = 'select platform.tenant_id() as value'): Promise<unknown> => {
  await client.query('begin')
  try {
    if (context !== undefined) await client.query(`select set_config('tenantry.context', $1, true)`, [context])
    return (await client.query<{ value: unknown }>(text)).rows[0]?.value
  } finally {
    await client.query('rollback')
  }
}

describe('platform.tenant_id()', () => {
  it('is the tenant of a context that we signed for this backend', async () => expect(await under(signed())).toBe(tenant))

  it.each<[string, () => string | undefined]>([
    ['none', () => undefined],
    ['an empty one', () => ''],
    ['a bare tenant id', () => tenant],
    ['one without parts', () => '.......'],
    ['one that has expired', () => signed({ expires: Date.now() - 1 })],
    ['one of another backend', () => signed({ pid: pid() + 1 })],
    ['one of another purpose', () => signed({ purpose: 'provision' })],
    ['one signed with another key of the same id', () => contextSigner({ ...newContextKey(), id: t.contextKey.id })(claims())],
    ['one signed with an unknown key', () => contextSigner(newContextKey())(claims())],
    ['one with another tenant put in', () => signed().replace(tenant, newId('ten'))],
    ['one with a later expiry put in', () => signed().replace(/\.\d{13}\./, '.9999999999999.')],
    ['one with a part more', () => `${signed()}.`],
    ['one in upper case', () => signed().toUpperCase()],
  ])('raises for %s', async (_, context) => {
    for (const text of ['select platform.tenant_id() as value', 'select count(*) from pool.note'])
      await expect(under(context(), text)).rejects.toMatchObject({ code: 'TN001' })
  })

  it('negative control: the same text with its own HMAC passes, so it is the HMAC that refuses', async () => {
    const text = signed().replace(tenant, PLATFORM_TENANT)
    const body = text.slice(0, text.lastIndexOf('.'))
    const mac = createHmac('sha256', Buffer.from(t.contextKey.secret, 'base64url')).update(body).digest('hex')
    expect(await under(`${body}.${mac}`)).toBe(PLATFORM_TENANT)
  })

  it('ends with its transaction', async () => {
    expect(await under(signed())).toBe(tenant)
    await expect(under(undefined)).rejects.toMatchObject({ code: 'TN001' })
  })
})

describe('the runtime role', () => {
  it.each([
    'select * from platform.context_key',
    'select platform.signed_context(array[$$tenant$$])',
    'set role data_owner',
    'create table pool.x (y int)',
    'create temporary table x (y int)',
    'create schema x',
    'select * from platform.migration',
    `select platform.hmac('a', 'b', 'sha256')`,
  ])('may not: %s', async (text) => {
    await expect(client.query(text)).rejects.toMatchObject({ code: '42501' })
  })
  it('connects to its own database only', async () => {
    for (const database of ['postgres', 'template1']) {
      const other = new pg.Client(clientOptions({ ...t.runtime, database }))
      await expect(other.connect()).rejects.toMatchObject({ code: '42501' })
    }
  })
})

describe('purposes', () => {
  it('reads across tenants only with `platform`, where a table allows it, and writes nothing there', async () => {
    const other = newId('ten')
    await t.query('insert into pool.note values ($1, $2), ($3, $2)', [tenant, 'p', other])
    const count = `select count(*) as value from pool.note where id = 'p'`
    expect(await under(signed(), count)).toBe(1n)
    const across = signed({ purpose: 'platform', tenant: PLATFORM_TENANT })
    expect(await under(across, count)).toBe(2n)
    expect(await under(across, `with d as (delete from pool.note where id = 'p' returning 1) select count(*) as value from d`)).toBe(0n)
    await expect(under(across, `insert into pool.note values ('${other}', 'q')`)).rejects.toMatchObject({ code: '42501' })
  })
  it('is required exactly by definer functions', async () => {
    const provision = signed({ purpose: 'provision', operation: newId('op') })
    expect(await under(provision, `select platform.require_purpose('provision') as value`)).toBe(tenant)
    await expect(under(signed(), `select platform.require_purpose('provision') as value`)).rejects.toMatchObject({ code: 'TN001' })
    await expect(under(signed({ purpose: 'provision' }), 'select platform.operation() as value')).rejects.toMatchObject({ code: 'TN001' })
  })
})

describe('contextSigner()', () => {
  it.each(['', 'ten_', `${tenant}.`, tenant.toUpperCase(), "ten_'; drop", 'usr_0188bac74afa78aabc3bbd1eef28d8'])('signs no %j', (bad) =>
    expect(() => signed({ tenant: bad })).toThrow(),
  )
  it('signs `platform` for the platform tenant only', () => expect(() => signed({ purpose: 'platform' })).toThrow())
})

describe('rotation of the context key', () => {
  it('knows the new key at once and the old one for a while', async () => {
    const next = newContextKey()
    const { database, password } = t.runtime
    const plan = servicePlan('data')
    const passwords = { data_owner: t.owner.password, data_runtime: password, data_relay: t.relay.password }
    const admin = new pg.Client(clientOptions(t.superuser))
    await admin.connect()
    await provisionDatabase(admin, t.superuser, plan, { passwords, contextKeys: { data: next } }, database)
    await admin.end()
    expect(await under(contextSigner(next)(claims()))).toBe(tenant)
    expect(await under(signed())).toBe(tenant)
    await t.query(`update platform.context_key set not_after = now() - interval '1 s' where id = $1`, [t.contextKey.id])
    await expect(under(signed())).rejects.toMatchObject({ code: 'TN001' })
  })
})
