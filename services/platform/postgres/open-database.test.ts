import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { newId } from '../ids.js'
import type { Tx } from './database.js'
import type { Statement } from './statement.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

interface Note {
  tenant_id: string
  id: string
  version: bigint
  body: string
}

const NOTES = `
  create table @.note (tenant_id text not null, id text not null, version bigint not null default 1, body text not null, constraint note_pkey primary key (tenant_id, id));
  select platform.attach_tenant_table('@.note', 'platform-read');`

const insertNote = (tenant: string, id: string, body = 'x'): Statement<Note> => ({
  name: 'insert-note',
  text: 'insert into @.note (tenant_id, id, body) values ($1, $2, $3) returning *',
  values: [tenant, id, body],
  rows: 1,
  constraints: { note_pkey: { reason: 'ALREADY_EXISTS', message: 'the note exists' } },
})
const updateNote = (tenant: string, id: string, version: bigint): Statement<Note> => ({
  name: 'update-note',
  text: 'update @.note set version = version + 1 where tenant_id = $1 and id = $2 and version = $3 returning *',
  values: [tenant, id, version],
  rows: 1,
  onRows: { reason: 'ETAG_MISMATCH', message: 'changed meanwhile' },
})
const selectNotes: Statement<Note> = { name: 'select-notes', text: 'select * from @.note order by id', values: [] }

/** A way to the server that can be cut. */
const severable = async (to: number) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connect(to, '127.0.0.1')
    for (const one of [socket, upstream]) sockets.add(one.on('error', () => undefined))
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sever = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    sever,
    close: async () => {
      sever()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({ service: 'data', migrations: [NOTES] })
})
afterAll(() => t.close())

describe('run()', () => {
  it('answers with the rows of each statement, of that tenant only', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    const [[made], seen] = await t.db.run(systemCall({ tenant: a }), insertNote(a, '1', 'mine'), selectNotes)
    expect(made).toMatchObject({ id: '1', version: 1n, body: 'mine' })
    expect(seen).toHaveLength(1)
    expect(await t.db.run(systemCall({ tenant: b }), selectNotes)).toEqual([[]])
  })

  it('raises in SQL when a change meets no row, and keeps nothing', async () => {
    const tenant = newId('ten')
    const work = t.db.run(systemCall({ tenant }), insertNote(tenant, '1'), updateNote(tenant, 'absent', 1n))
    await expect(work).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' })
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(0)
  })

  it('translates a constraint', async () => {
    const tenant = newId('ten')
    await t.db.run(systemCall({ tenant }), insertNote(tenant, '1'))
    await expect(t.db.run(systemCall({ tenant }), insertNote(tenant, '1'))).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' })
  })
})

describe('writes of a call that may not write yet', () => {
  const undecided = (tenant: string) => ({ ...systemCall({ tenant }), mayWrite: false, method: { name: 'svc/UpdateNote' } })
  it('are refused before anything is sent, in run() and in transact()', async () => {
    const tenant = newId('ten')
    await expect(t.db.run(undecided(tenant), insertNote(tenant, '1'))).rejects.toThrow('svc/UpdateNote may not run insert-note')
    await expect(t.db.transact(undecided(tenant), (tx) => tx.run(insertNote(tenant, '1')))).rejects.toThrow('may not run')
    expect(await t.db.run(undecided(tenant), selectNotes)).toEqual([[]])
  })
  it('a select that hides a write is stopped by the read-only transaction; negative control: with the decision it is not', async () => {
    const tenant = newId('ten')
    await t.query(
      `create or replace function pool.sneak(tenant text) returns void language sql as $$ insert into pool.note (tenant_id, id, body) values (tenant, 's', '') $$`,
    )
    await t.query('grant execute on function pool.sneak(text) to data_runtime')
    const sneak: Statement = { name: 'sneak', text: 'select pool.sneak($1)', values: [tenant] }
    await expect(t.db.run(undecided(tenant), sneak)).rejects.toMatchObject({ code: '25006' })
    await t.db.run(systemCall({ tenant }), { ...sneak, name: 'told', writes: true })
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(1)
  })
})

describe('transact()', () => {
  it('keeps all or nothing', async () => {
    const tenant = newId('ten')
    const call = systemCall({ tenant })
    const version = await t.db.transact(call, async (tx) => {
      const [[note]] = await tx.run(insertNote(tenant, '1'))
      const [[updated]] = await tx.run(updateNote(tenant, '1', note!.version))
      return updated!.version
    })
    expect(version).toBe(2n)
    const failing = t.db.transact(call, async (tx) => {
      await tx.run(insertNote(tenant, '2'))
      throw new Error('changed its mind')
    })
    await expect(failing).rejects.toThrow('changed its mind')
    expect((await t.db.run(call, selectNotes))[0]).toHaveLength(1)
  })

  it('does not commit over an error that the code swallowed', async () => {
    const tenant = newId('ten')
    const work = t.db.transact(systemCall({ tenant }), async (tx) => {
      await tx.run(insertNote(tenant, '1'))
      await tx.run(updateNote(tenant, 'absent', 1n)).catch(() => undefined)
    })
    await expect(work).rejects.toThrow('COMMIT was answered with ROLLBACK')
  })

  it('is over when it is over', async () => {
    const tenant = newId('ten')
    let escaped: Tx | undefined
    await t.db.transact(systemCall({ tenant }), async (tx) => void (escaped = tx))
    await expect(escaped!.run(selectNotes)).rejects.toThrow('the transaction is over')
  })
})

describe('the schema placement', () => {
  it("runs the same statements on the tenant's own tables", async () => {
    const tenant = newId('ten')
    await t.query(`create schema ${tenant} authorization data_owner; grant usage on schema ${tenant} to data_runtime`)
    await t.query(`set role data_owner; ${NOTES.replaceAll('@.', `${tenant}.`)} reset role`)
    const db = t.open({ schemaOf: (id) => (id === tenant ? tenant : undefined) })
    await db.run(systemCall({ tenant }), insertNote(tenant, '1'))
    expect(await t.query(`select from ${tenant}.note`)).toHaveLength(1)
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(0)
    const other = newId('ten')
    expect((await db.run(systemCall({ tenant: other }), selectNotes))[0]).toEqual([])
  })
})

describe('connections', () => {
  it('survive a migration that changes what a prepared statement gives', async () => {
    const tenant = newId('ten')
    const db = t.open({ maxConnections: 1 })
    await db.run(systemCall({ tenant }), insertNote(tenant, '1'))
    await db.run(systemCall({ tenant }), selectNotes)
    await t.query('alter table pool.note add column later int')
    const [[note]] = await db.run(systemCall({ tenant }), selectNotes)
    expect(note).toHaveProperty('later', null)
  })

  it('prepare more statements than are kept', async () => {
    const tenant = newId('ten')
    const db = t.open({ maxConnections: 1 })
    for (let from = 0; from < 1_000; from += 100) {
      const many = Array.from({ length: 100 }, (_, i) => ({ name: `n${from + i}`, text: `select ${from + i} as x`, values: [] }))
      expect((await db.run(systemCall({ tenant }), ...many)).map(([row]) => (row as { x: number }).x)).toEqual(many.map((_, i) => from + i))
    }
    const [[count]] = await db.run(systemCall({ tenant }), {
      name: 'c',
      text: 'select count(*) as n from pg_prepared_statements',
      values: [],
    })
    expect(Number((count as { n: bigint }).n)).toBeLessThan(520)
  })

  it('that cannot be made are DATABASE_UNAVAILABLE', async () => {
    const db = t.open({ connection: { ...t.runtime, port: 1 } })
    expect(await db.ready()).toBe(false)
    await expect(db.run(systemCall({ tenant: newId('ten') }), selectNotes)).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' })
  })

  it('that break while COMMIT is under way leave a change OUTCOME_UNKNOWN, and a read DATABASE_UNAVAILABLE', async () => {
    const tenant = newId('ten')
    const sever = async (statement: Statement<never>, port: number) => {
      const db = t.open({ connection: { ...t.runtime, host: '127.0.0.1', port }, maxConnections: 1 })
      await db.run(systemCall({ tenant }), selectNotes)
      const work = db.run(systemCall({ tenant }), { name: 'wait', text: 'select pg_sleep(0.3)', values: [] }, statement)
      setTimeout(() => proxy.sever(), 100)
      return work
    }
    const proxy = await severable(t.runtime.port)
    await expect(sever(insertNote(tenant, 'unknown') as Statement<never>, proxy.port)).rejects.toMatchObject({ reason: 'OUTCOME_UNKNOWN' })
    await expect(sever(selectNotes as Statement<never>, proxy.port)).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' })
    await proxy.close()
  })

  it('refuse values that are none before anything is sent', async () => {
    const tenant = newId('ten')
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const bad = { ...insertNote(tenant, '2'), values: [tenant, '2', circular] }
    await expect(t.db.run(systemCall({ tenant }), insertNote(tenant, '1'), bad)).rejects.toThrow(TypeError)
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(0)
    expect(t.db.size().busy).toBe(0)
  })
})
