import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { newId } from '../ids.js'
import { clientOptions } from './connection.js'
import { contextSigner } from './context.js'
import { identifier, inSchema, tenantSchema } from './identifiers.js'
import type { Statement } from './statement.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({
    service: 'data',
    migrations: [
      `create table @.note (tenant_id text not null, id text not null, body text not null default '', constraint note_pkey primary key (tenant_id, id));
       select platform.attach_tenant_table('@.note');`,
    ],
    database: { maxConnections: 2 },
  })
})
afterAll(() => t.close())

interface Note {
  tenant_id: string
  id: string
}
const insert = (tenant: string, id: string): Statement<Note> => ({
  name: 'insert',
  text: 'insert into @.note (tenant_id, id) values ($1, $2) returning *',
  values: [tenant, id],
  rows: 1,
  constraints: { note_pkey: { reason: 'ALREADY_EXISTS', message: 'exists' } },
})
const all: Statement<Note> = { name: 'all', text: 'select * from @.note', values: [] }
const slow: Statement = { name: 'slow', text: 'select pg_sleep(10)', values: [] }

describe('a pool of 2 under 64 tenants (threats 1)', () => {
  it('never shows one tenant another, through cancelled queries and killed backends', async () => {
    const tenants = Array.from({ length: 64 }, () => newId('ten'))
    const seen: string[] = []
    const failures: unknown[] = []
    await Promise.all(
      tenants.map(async (tenant, i) => {
        for (let round = 0; round < 4; round++) {
          const cancel = new AbortController()
          const call = systemCall({ tenant, timeoutMs: 20_000, signal: cancel.signal })
          const broken = i % 8 === 0 && round === 1
          const killed = i % 16 === 4 && round === 2
          if (broken) setTimeout(() => cancel.abort(), 30)
          const kill: Statement = { name: 'kill', text: 'select pg_terminate_backend(pg_backend_pid())', values: [] }
          try {
            const results = await t.db.run(call, insert(tenant, `${round}`), ...(broken ? [slow] : killed ? [kill] : []), all)
            for (const row of results.at(-1) as Note[]) if (row.tenant_id !== tenant) seen.push(row.tenant_id)
          } catch (error) {
            failures.push((error as { reason?: string }).reason)
          }
        }
      }),
    )
    expect(seen).toEqual([])
    expect(failures.filter((reason) => reason !== 'CANCELLED' && reason !== 'DATABASE_UNAVAILABLE')).toEqual([])
    expect(failures.length).toBeGreaterThanOrEqual(12)
    // What failed left nothing behind, and everything else is there.
    expect(await t.query('select from pool.note')).toHaveLength(64 * 4 - failures.length)
  }, 60_000)

  it('begins every checkout without a tenant: rows asked for without a context raise', async () => {
    const client = new pg.Client(clientOptions(t.runtime))
    await client.connect()
    await expect(client.query('select * from pool.note')).rejects.toMatchObject({ code: 'TN001' })
    await client.end()
  })

  it('negative control: a setting of the session would leak into the next transaction', async () => {
    const client = new pg.Client(clientOptions(t.runtime))
    await client.connect()
    const { processID: pid } = client as unknown as { processID: number }
    const tenant = newId('ten')
    const context = contextSigner(t.contextKey)({ tenant, purpose: 'tenant', pid, expires: Date.now() + 60_000 })
    await client.query(`select set_config('tenantry.context', $1, false)`, [context])
    expect((await client.query('select platform.tenant_id() as id')).rows[0].id).toBe(tenant)
    await client.end()
  })

  it('negative control: with the check replaced by a plain setting, an injected statement reads another tenant', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await t.db.run(systemCall({ tenant: b }), insert(b, 'secret'))
    const injected: Statement = { name: 'injected', text: `select set_config('tenantry.context', '${b}', true)`, values: [] }
    await expect(t.db.run(systemCall({ tenant: a }), injected, all)).rejects.toMatchObject({ code: 'TN001' })
    await t.query(`create policy weak on pool.note to data_runtime using (tenant_id = current_setting('tenantry.context', true))`)
    await t.query('drop policy tenant_rows on pool.note')
    const [, rows] = await t.db.run(systemCall({ tenant: a }), injected, all)
    expect(rows).toHaveLength(1)
    await t.query(`select platform.attach_tenant_table('pool.note')`)
    await t.query('drop policy weak on pool.note')
  })
})

describe('identifiers (threats 2)', () => {
  const id = newId('ten')
  it.each(['', 'a"b', "a'b", 'a\0b', 'A', 'é', 'ａ', 'a b', 'a;drop', '1a', 'a'.repeat(64), 'pg-x', `${id}\n`])(
    'makes none of %j',
    (name) => {
      expect(() => identifier(name)).toThrow()
      expect(() => inSchema('select * from @.t', name)).toThrow()
    },
  )
  it.each([
    id.toUpperCase(),
    id.replace('ten_', 'Ten_'),
    `${id}0`,
    id.slice(0, -1),
    `${id.slice(0, -1)}"`,
    `ten_${'é'.repeat(13)}`,
    'pool',
    'platform',
  ])('makes no schema of %j', (name) => expect(() => tenantSchema(name)).toThrow())
  it('keeps ids apart within the 63 bytes of a name; negative control: 63 bytes in common would be one name', async () => {
    expect(Buffer.byteLength(tenantSchema(id))).toBe(30)
    const twin = 'x'.repeat(63)
    await t.query(`create schema ${twin}a`)
    await expect(t.query(`create schema ${twin}b`)).rejects.toMatchObject({ code: '42P06' })
    await t.query(`drop schema ${twin}`)
  })
  it('never lets a tenant into a statement as text: a placement that is no tenant id fails before anything is sent', async () => {
    const db = t.open({ schemaOf: () => 'pool"; drop schema pool cascade; --' })
    await expect(db.run(systemCall({ tenant: id }), all)).rejects.toThrow('not a tenant id')
    expect(await t.query(`select from pg_namespace where nspname = 'pool'`)).toHaveLength(1)
  })
})

describe('a generic plan (threats 6, CVE-2024-10976)', () => {
  it('follows the tenant of each execution', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    const db = t.open({ maxConnections: 1 })
    await db.run(systemCall({ tenant: a }), insert(a, 'plan'))
    for (let i = 0; i < 10; i++) expect((await db.run(systemCall({ tenant: a }), all))[0]).toHaveLength(1)
    const [plans] = await db.run(systemCall({ tenant: a }), {
      name: 'plans',
      text: `select generic_plans from pg_prepared_statements where statement = 'select * from "pool".note'`,
      values: [],
    })
    expect((plans as { generic_plans: bigint }[])[0]!.generic_plans).toBeGreaterThan(0n)
    expect((await db.run(systemCall({ tenant: b }), all))[0]).toEqual([])
  })

  it('negative control: a policy whose function is declared immutable is folded into the plan, and stays with the first tenant', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await t.db.run(systemCall({ tenant: a }), insert(a, 'plan'))
    await t.query('alter function platform.tenant_id() immutable')
    const db = t.open({ maxConnections: 1 })
    for (let i = 0; i < 10; i++) await db.run(systemCall({ tenant: a }), all)
    const [rows] = await db.run(systemCall({ tenant: b }), all)
    await t.query('alter function platform.tenant_id() stable')
    expect(rows).toHaveLength(1)
  })
})

describe('keys that collide (threats 7)', () => {
  it('tell a tenant nothing of another', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await t.db.run(systemCall({ tenant: a }), insert(a, 'same'))
    await expect(t.db.run(systemCall({ tenant: b }), insert(b, 'same'))).resolves.toHaveLength(1)
  })
  it('negative control: a unique index over all tenants does', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await t.query(`create unique index leak on pool.note (id) where id like 'leak%'`)
    await t.db.run(systemCall({ tenant: a }), insert(a, 'leak'))
    await expect(t.db.run(systemCall({ tenant: b }), insert(b, 'leak'))).rejects.toMatchObject({ code: '23505' })
    await t.query('drop index pool.leak')
  })
  it("refuses another tenant's id in a row", async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    await expect(t.db.run(systemCall({ tenant: b }), insert(a, 'x'))).rejects.toMatchObject({ code: '42501' })
  })
})

describe('the deadline (threats 44)', () => {
  const running = async () =>
    t.query(`select from pg_stat_activity where query like 'select pg_sleep%' and state = 'active' and datname = current_database()`)
  it('ends the SQL that runs, and leaves the session usable', async () => {
    const started = performance.now()
    await expect(t.db.run(systemCall({ tenant: newId('ten'), timeoutMs: 200 }), slow)).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    })
    expect(performance.now() - started).toBeLessThan(1_500)
    expect(await running()).toEqual([])
  })
  it('ends the SQL of a caller that cancels', async () => {
    const cancel = new AbortController()
    const work = t.db.run(systemCall({ tenant: newId('ten'), signal: cancel.signal }), slow)
    setTimeout(() => cancel.abort(), 100)
    await expect(work).rejects.toMatchObject({ reason: 'CANCELLED' })
    expect(await running()).toEqual([])
  })
  it('gives up on a connection that does not come free', async () => {
    const db = t.open({ maxConnections: 1 })
    const holding = db.run(systemCall({ tenant: newId('ten'), timeoutMs: 900 }), slow).catch(() => undefined)
    await sleep(50)
    await expect(db.run(systemCall({ tenant: newId('ten'), timeoutMs: 100 }), all)).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    await holding
  })
  it('ends a transaction whose code never comes back, with its connection', async () => {
    const db = t.open({ maxConnections: 1 })
    const tenant = newId('ten')
    const work = db.transact(systemCall({ tenant, timeoutMs: 200 }), async (tx) => {
      await tx.run(insert(tenant, 'late'))
      await sleep(400)
      await tx.run(insert(tenant, 'later'))
    })
    await expect(work).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toEqual([])
  })
  it('negative control: without a deadline it runs on', async () => {
    const client = new pg.Client(clientOptions(t.runtime))
    await client.connect()
    const work = client.query('select pg_sleep(0.6)')
    await sleep(400)
    expect(await running()).toHaveLength(1)
    await work
    await client.end()
  })
})
