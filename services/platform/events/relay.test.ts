import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { tracing } from '@opentelemetry/sdk-node'
import { pino } from 'pino'
import { withClient } from '../postgres/connection.js'
import { testDatabase } from '../postgres/testing.js'
import type { TestDatabase } from '../postgres/testing.js'
import type { Message, Topic } from './event-log.js'
import type { OutboxRow } from './outbox-columns.js'
import { parseEnvelope } from './parse-envelope.js'
import type { RelayFailpoint, RelayOptions } from './relay.js'
import { relayPass, startRelay } from './relay.js'
import type { SqlClient, SqlPool } from './sql.js'
import { inTransaction } from './sql.js'
import { deleteOutbox, takeOutbox } from './store/outbox.js'
import { encodedPart, outboxRow, sealedPart } from './testing.js'

const spans = new tracing.InMemorySpanExporter()
const tracer = new tracing.BasicTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(spans)] }).getTracer('test')
const log = pino({ level: 'silent' })

describe('outbox relay', () => {
  let database: TestDatabase
  let pool: SqlPool
  let writer: SqlPool
  const sent: { topic: Topic; message: Message }[] = []
  const eventLog = {
    produce: async (topic: Topic, messages: readonly Message[]) => void sent.push(...messages.map((message) => ({ topic, message }))),
  }
  beforeAll(async () => {
    database = await testDatabase({ service: 'data' })
    pool = database.pool('data_relay')
    // As superuser, for tests of the relay alone: how services write events is tested with their statements.
    writer = {
      connect: () => Promise.reject(new Error('unused')),
      query: async ({ text, values }) => rowsOf(await database.query(text, values)),
    }
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    sent.length = 0
    spans.reset()
    await database.query('delete from platform.outbox')
  })
  const rowsOf = (rows: never[]) => ({ rows, rowCount: rows.length })
  const options = (over: Partial<RelayOptions> = {}): RelayOptions => ({ pool, eventLog, service: 'data', tracer, log, ...over })
  const waiting = async (): Promise<string[]> =>
    (await database.query<{ id: string }>('select id from platform.outbox order by seq')).map(({ id }) => id)
  const ids = (): string[] => sent.map(({ message }) => message.id)

  it('sends what is in the outbox, oldest first, each event to its topic, and deletes it', async () => {
    const rows = [
      outboxRow(),
      outboxRow({ topic: 'facts', sealed: [encodedPart(sealedPart())] }),
      outboxRow({ changed_fields: ['a', 'b'] }),
    ]
    for (const row of rows) await write(writer, row)
    expect(await relayPass(options())()).toBe(3)
    expect(await waiting()).toEqual([])
    expect(sent.map(({ topic, message }) => [topic, message.id])).toEqual([
      ['changes', rows[0]!.id],
      ['changes', rows[2]!.id],
      ['facts', rows[1]!.id],
    ])
    const envelope = parseEnvelope(sent[2]!.message.value, rows[1]!.tenant_id)
    if (envelope.kind !== 'event') throw new Error('not an event')
    expect(envelope.event).toMatchObject({ version: 1n, ordinal: 1, action: 'data.record.create', time: { nanos: 123456000 } })
    expect(envelope.event.actor).toMatchObject({ subject: 'usr_1', kind: 'user' })
    expect(envelope.event.sealed).toEqual([sealedPart()])
  })

  const crashes: RelayFailpoint[] = ['after-take', 'after-send', 'before-delete', 'before-commit', 'after-commit']
  it.each(crashes)('threats 34: a crash %s loses nothing, and repeats the same bytes if anything', async (at) => {
    const rows = [outboxRow(), outboxRow(), outboxRow()]
    for (const row of rows) await write(writer, row)
    const crash = (point: RelayFailpoint): void => {
      if (point === at) throw new Error('crashed')
    }
    await expect(relayPass(options({ failpoint: crash }))()).rejects.toThrow('crashed')
    expect(await waiting()).toHaveLength(at === 'after-commit' ? 0 : 3)
    await relayPass(options())()
    expect(await waiting()).toEqual([])
    expect(new Set(ids())).toEqual(new Set(rows.map(({ id }) => id)))
    for (const { message } of sent) {
      expect(sent.filter((other) => other.message.id === message.id).map((other) => other.message)).toEqual(
        Array(ids().filter((id) => id === message.id).length).fill(message),
      )
    }
  })

  it('threats 34: a change that was not committed has no event, and one that was has it', async () => {
    const [undone, done] = [outboxRow(), outboxRow()]
    const client = await ownClient(database)
    await client.query({ text: 'begin' })
    await write(client, undone)
    await relayPass(options())()
    await client.query({ text: 'rollback' })
    await client.query({ text: 'begin' })
    await write(client, done)
    await client.query({ text: 'commit' })
    client.release()
    await relayPass(options())()
    expect(ids()).toEqual([done.id])
  })

  it('threats 34, control: a relay that deletes before it sends loses events in a crash', async () => {
    await write(writer, outboxRow())
    const careless = async (crash: boolean): Promise<void> => {
      const rows = await inTransaction(pool, 'begin', async (client) => {
        const { rows: taken } = await client.query<OutboxRow>(takeOutbox(10, []))
        await client.query(deleteOutbox(taken))
        return taken
      })
      if (crash) return
      await eventLog.produce(
        'changes',
        rows.map(({ id, tenant_id: key }) => ({ id, key, value: new Uint8Array(), headers: {} })),
      )
    }
    await careless(true)
    await careless(false)
    expect(ids()).toEqual([])
  })

  it('threats 35: a transaction with a low number that commits late is not skipped', async () => {
    const [late, early] = [outboxRow(), outboxRow()]
    const client = await ownClient(database)
    await client.query({ text: 'begin' })
    await write(client, late)
    await write(writer, early)
    const seqOf = async () => (await database.query<{ seq: bigint }>('select seq from platform.outbox order by seq')).map(({ seq }) => seq)
    // Control: a reader with a cursor on the number takes the early one, and never looks below it again.
    let cursor = 0n
    const cursorRead = async (): Promise<number> => {
      const seqs = (await seqOf()).filter((seq) => seq > cursor)
      cursor = seqs.at(-1) ?? cursor
      return seqs.length
    }
    expect(await cursorRead()).toBe(1)
    await relayPass(options())()
    expect(ids()).toEqual([early.id])
    await client.query({ text: 'commit' })
    client.release()
    expect(await cursorRead()).toBe(0)
    await relayPass(options())()
    expect(ids()).toEqual([early.id, late.id])
  })

  it('runs beside other relays without sending an event twice', async () => {
    const rows = Array.from({ length: 60 }, () => outboxRow())
    for (const row of rows) await write(writer, row)
    const relays = [1, 2, 3].map(() => startRelay(options({ batch: 7, poll: [1, 5] })))
    while ((await waiting()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all(relays.map((relay) => relay.close()))
    expect(ids().sort()).toEqual(rows.map(({ id }) => id).sort())
  })

  it('gives rows back when the event log does not answer, and goes on when it does', async () => {
    await write(writer, outboxRow())
    let dead = true
    const produce = (topic: Topic, messages: readonly Message[]) =>
      dead ? new Promise<void>(() => undefined) : eventLog.produce(topic, messages)
    const measured: number[][] = []
    const started = performance.now()
    const relay = startRelay(options({ eventLog: { produce }, onMeasure: (...all) => measured.push(all) }))
    await new Promise((resolve) => setTimeout(resolve, 100))
    // While the first relay holds them, another one takes other rows only.
    expect(await relayPass(options())()).toBe(0)
    await write(writer, outboxRow())
    expect(await relayPass(options())()).toBe(1)
    dead = false
    while ((await waiting()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await relay.close()
    expect(performance.now() - started).toBeLessThan(4_000)
    expect(ids()).toHaveLength(2)
    expect(measured[0]).toEqual([1, expect.any(Number)])
  })

  it('sends what there is before it stops', async () => {
    const relay = startRelay(options({ poll: [60_000, 60_000] }))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await write(writer, outboxRow())
    await relay.close()
    expect(ids()).toHaveLength(1)
  })

  it('leaves an event that cannot be sent where it is, and sends those behind it', async () => {
    const [bad, good] = [outboxRow({ fact: { nosuch: true } }), outboxRow()]
    await write(writer, bad)
    await write(writer, good)
    const pass = relayPass(options({ batch: 1 }))
    await pass()
    await pass()
    expect(ids()).toEqual([good.id])
    expect(await waiting()).toEqual([bad.id])
  })

  it('makes a span in the trace of the call that made the event, where that was sampled', async () => {
    await write(writer, outboxRow())
    await write(writer, outboxRow({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' }))
    await write(writer, outboxRow({ traceparent: 'nonsense' }))
    await relayPass(options())()
    expect(ids()).toHaveLength(3)
    expect(spans.getFinishedSpans()).toHaveLength(1)
    const [span] = spans.getFinishedSpans()
    expect(span).toMatchObject({ name: 'send changes', parentSpanContext: { spanId: '00f067aa0ba902b7' } })
    expect(span!.spanContext().traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
  })
})

const ownClient = async (database: TestDatabase): Promise<SqlClient> => {
  let client: SqlClient | undefined
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await new Promise<void>((resolve) => {
    void withClient(database.superuser, async (of) => {
      client = { query: (query) => of.query(query as never) as never, release: () => release() }
      resolve()
      await held
    })
  })
  return client!
}

const write = (to: Pick<SqlClient, 'query'>, row: OutboxRow) =>
  to.query({
    text: `insert into platform.outbox (tenant_id, id, topic, type, subject, version, ordinal, decision_id, action, time, actor, region, trace_id,
             traceparent, changed_fields, attributes, fact, sealed)
           values ($1, $2, $3, $4, $5, $6::bigint, $7, $8, $9, timestamptz 'epoch' + $10::bigint * interval '1 microsecond', $11, $12, $13, $14, $15, $16, $17, $18)`,
    values: [
      row.tenant_id,
      row.id,
      row.topic,
      row.type,
      row.subject,
      row.version,
      row.ordinal,
      Buffer.from(row.decision_id),
      row.action,
      row.time_us,
      JSON.stringify(row.actor),
      row.region,
      row.trace_id,
      row.traceparent,
      row.changed_fields,
      JSON.stringify(row.attributes),
      row.fact === null ? null : JSON.stringify(row.fact),
      row.sealed.map((part) => Buffer.from(part)),
    ],
  })
