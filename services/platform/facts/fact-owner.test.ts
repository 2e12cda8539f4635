import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import type { Fact, TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { workDeadline } from '../mesh/deadline.js'
import { testDatabase } from '../postgres/testing.js'
import type { TestDatabase } from '../postgres/testing.js'
import type { WorkerPool } from '../postgres/worker-pool.js'
import { tenantFact } from '../policy/testing.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import { createFactOwner } from './fact-owner.js'
import type { FactOwner, FactTable } from './fact-owner.js'
import { ownerLease } from './owner-lease.js'

interface Row {
  id: string
  version: string
  status: string
}

/** A table as an owner of facts keeps one, in a schema of the test's own: no tenant's rows, no row-level security. */
const TABLE = `
  create table pool.thing (
    id text primary key,
    version bigint not null,
    status text not null,
    changed_xid xid8 not null default pg_current_xact_id()
  );
  create index on pool.thing (changed_xid);`

const things: FactTable<Row> = {
  name: 'thing',
  select: 'select t.id, t.version, t.status, t.changed_xid, t.id as fact_key from pool.thing t',
  toFact: (row) => tenantFact(row.id, BigInt(row.version), row.status),
}

let database: TestDatabase
let pool: WorkerPool
let owner: FactOwner
beforeAll(async () => {
  database = await testDatabase({ service: 'tenant' })
  await database.query(TABLE)
  await database.query('grant usage on schema pool to tenant_relay; grant select on pool.thing to tenant_relay')
  pool = database.pool('tenant_relay')
  owner = createFactOwner({ pool, tables: [things] })
})
afterAll(() => database.close())
beforeEach(() => database.query('truncate pool.thing'))

const put = (id: string, status = 'active') =>
  database.query(
    `insert into pool.thing (id, version, status) values ($1, 1, $2)
     on conflict (id) do update set status = $2, version = thing.version + 1, changed_xid = pg_current_xact_id()`,
    [id, status],
  )
const renew = async (cursor: Uint8Array = new Uint8Array(), from: FactOwner = owner) => {
  const deadline = workDeadline(5000)
  try {
    return await from.renew(cursor, deadline)
  } finally {
    deadline.settle()
  }
}
const told = (facts: Fact[]) => facts.map(({ fact }) => `${(fact.value as TenantFact).tenantId}=${(fact.value as TenantFact).status}`)

describe('createFactOwner()', () => {
  /** Transactions of other databases of the cluster hold its oldest one back, and facts are told again for them: asks until none does. */
  const quiet = async (cursor: Uint8Array) => {
    let answer = await renew(cursor)
    for (let i = 0; i < 200 && answer.facts.length > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 25))
      answer = await renew(answer.cursor)
    }
    return answer
  }

  it('tells everything to a reader without a cursor, and then only what changed', async () => {
    await put('a')
    await put('b')
    const first = await renew()
    expect(first).toMatchObject({ reset: true, more: false })
    expect(told(first.facts)).toEqual(['a=active', 'b=active'])
    const nothing = await quiet(first.cursor)
    expect(nothing).toMatchObject({ facts: [], reset: false, more: false })
    await put('a', 'suspended')
    const changed = await renew(nothing.cursor)
    expect(told(changed.facts)).toEqual(['a=suspended'])
    expect(told((await renew(nothing.cursor)).facts)).toEqual(['a=suspended'])
  })

  it('skips nothing that commits late: transactions that were open are told again', async () => {
    const slow = new pg.Client(database.superuser)
    await slow.connect()
    try {
      await slow.query('begin')
      await slow.query(`insert into pool.thing (id, version, status) values ('slow', 1, 'active')`)
      await put('fast')
      const before = await renew()
      expect(told(before.facts)).toEqual(['fast=active'])
      await put('later')
      const between = await renew(before.cursor)
      expect(told(between.facts)).toContain('later=active')
      await slow.query('commit')
      expect(told((await renew(between.cursor)).facts)).toContain('slow=active')
    } finally {
      await slow.end()
    }
  })

  it('pages, and a reader that follows is whole at the end, whatever changes meanwhile', async () => {
    for (let i = 0; i < 10; i++) await put(`t${i}`)
    const paged = createFactOwner({ pool, tables: [things, { ...things, name: 'thing-again' }], pageSize: 3 })
    let pages = 0
    const lease = ownerLease(
      {
        name: 'paged',
        renew: async (cursor, deadline) => {
          const answer = await paged.renew(cursor, deadline)
          pages++
          if (pages === 2) await put('t0', 'suspended')
          if (pages === 3) await put('t9', 'suspended')
          return answer
        },
      },
      750,
      () => pages,
    )
    await lease.renew(workDeadline(5000))
    expect(pages).toBeGreaterThan(7)
    expect(lease.maps.tenants.size).toBe(10)
    expect(lease.maps.tenants.get('t0')?.status).toBe('suspended')
    expect(lease.maps.tenants.get('t9')?.status).toBe('suspended')
    expect(lease.answeredFrom).toBeGreaterThan(7)
  })

  it('resets a reader with a cursor of another database, of another form, or from a future', async () => {
    await put('a')
    const { cursor } = await renew()
    const known = decodeCursor(cursor)!
    const others = [
      encodeCursor({ ...known, database: Buffer.from('elsewhere') }),
      encodeCursor({ ...known, floor: known.floor + 1_000_000n }),
      Buffer.from('hostile'),
      Buffer.alloc(64, 1),
    ]
    for (const other of others) expect(await renew(other)).toMatchObject({ reset: true, facts: [expect.anything()] })
  })

  it('answers in one snapshot: a change of two tables is told whole or not at all', async () => {
    await put('pair')
    let interfere = true
    const seen = { name: 'second', select: things.select, toFact: things.toFact }
    const between: FactTable<Row> = { ...things }
    const interfering = createFactOwner({
      pool: {
        connect: (async () => {
          const client = await pool.connect()
          const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
          return Object.assign(Object.create(client) as object, {
            query: async (config: unknown) => {
              const result = await query(config)
              if (interfere && (config as { name?: string }).name === 'facts-thing') {
                interfere = false
                await put('pair', 'suspended')
              }
              return result
            },
            release: (error?: Error) => client.release(error),
          })
        }) as never,
      },
      tables: [between, seen],
    })
    expect(told((await renew(undefined, interfering)).facts)).toEqual(['pair=active', 'pair=active'])
  })

  it('is DATABASE_UNAVAILABLE when the database fails, and gives the connection back', async () => {
    const broken = createFactOwner({ pool, tables: [{ ...things, name: 'broken', select: 'select 1 from nowhere' }] })
    for (let i = 0; i < 20; i++) await expect(renew(undefined, broken)).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' })
    await expect(renew()).resolves.toBeDefined()
  })
})
