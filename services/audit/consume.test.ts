import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { newId, PLATFORM_TENANT } from '../platform/ids.js'
import { accessRecordMessage } from '../platform/events/testing.js'
import type { Consumer, EventLog, Message, Topic } from '../platform/events/event-log.js'
import { partitionOf } from '../platform/events/partition.js'
import { AppError } from '../platform/mesh/errors.js'
import type { Database } from '../platform/postgres/database.js'
import { systemCall } from '../platform/postgres/testing.js'
import type { ConsumeFailpoint, ConsumeOptions } from './consume.js'
import { startConsumer } from './consume.js'
import { leafOf } from './leaf.js'
import { appendLeaves } from './store/append-leaves.js'
import { readOffset } from './store/read-offset.js'
import type { AuditFixture } from './testing.js'
import { event, noTracer, silent, startFixture, until } from './testing.js'

const platform = () => systemCall({ tenant: PLATFORM_TENANT })

describe('the audit consumer', () => {
  let fixture: AuditFixture
  const running: Consumer[] = []
  beforeAll(async () => {
    fixture = await startFixture()
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((consumer) => consumer.close()))
  })
  afterAll(() => fixture.close())

  const start = async (over: Partial<ConsumeOptions> = {}): Promise<Consumer> => {
    const options = { db: fixture.audit.db, eventLog: fixture.eventLog, tracer: noTracer, log: silent, ...over }
    const consumer = await startConsumer(options)
    running.push(consumer)
    return consumer
  }
  const ids = async (tenant: string): Promise<string[]> => (await fixture.leaves(tenant)).map(({ id }) => id)
  const offsetOf = async (topic: Topic, tenant: string): Promise<bigint> => {
    const [rows] = await fixture.audit.db.run(platform(), readOffset(topic, partitionOf(tenant)))
    return BigInt(rows[0]!.next_offset)
  }

  it('brings every topic into the logs of its tenants, densely numbered from 0, to the byte', async () => {
    const tenants = Array.from({ length: 20 }, () => newId('ten'))
    const sent: Record<Topic, Message[]> = { facts: [], changes: [], access: [] }
    for (const tenant of tenants) {
      sent.facts.push(event(tenant, { topic: 'facts' }))
      for (let version = 1; version <= 5; version++) sent.changes.push(event(tenant, { version: String(version) }))
      for (let sequence = 1n; sequence <= 3n; sequence++) sent.access.push(accessRecordMessage({ tenantId: tenant, sequence }))
    }
    for (const topic of ['facts', 'changes', 'access'] as const) await fixture.eventLog.produce(topic, sent[topic])
    const consumer = await start()
    await until(async () => (await consumer.lag()) === 0n)
    for (const tenant of tenants) {
      const leaves = await fixture.leaves(tenant)
      expect(leaves.map(({ index }) => index)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n])
      for (const topic of ['facts', 'changes', 'access'] as const) {
        const mine = sent[topic].filter(({ key }) => key === tenant)
        expect(leaves.filter(({ id }) => mine.some((message) => message.id === id)).map(({ envelope }) => envelope)).toEqual(
          mine.map(({ value }) => Buffer.from(value)),
        )
      }
      const [head] = await fixture.audit.query<{ size: bigint }>('select size from pool.audit_log where tenant_id = $1', [tenant])
      expect(head!.size).toBe(9n)
    }
  })

  const crashes: ConsumeFailpoint[] = ['before-append', 'after-append']
  it.each(crashes)('threats 36: a crash %s leaves each event in the log, once', async (at) => {
    const tenants = [newId('ten'), newId('ten')]
    const sent = Array.from({ length: 60 }, (_, i) => event(tenants[i % 2]!))
    await fixture.eventLog.produce('changes', sent)
    let crashed = 0
    const consumer = await start({
      failpoint: (point) => {
        if (point === at && crashed++ < 3) throw new Error('crashed')
      },
    })
    await until(async () => (await consumer.lag()) === 0n)
    expect(crashed).toBeGreaterThan(0)
    for (const tenant of tenants) {
      expect(await ids(tenant)).toEqual(sent.filter(({ key }) => key === tenant).map(({ id }) => id))
    }
  })

  it('threats 36, control: where the offset commits before the leaf, a crash between loses it', async () => {
    const tenant = newId('ten')
    const partition = partitionOf(tenant)
    await fixture.eventLog.produce('changes', [event(tenant)])
    const expected = await offsetOf('changes', tenant)
    // The offset alone, and then the process is gone.
    await fixture.audit.db.run(
      platform(),
      appendLeaves({ topic: 'changes', partition, expected, next: expected + 1n, leaves: [], setAside: [] }),
    )
    const consumer = await start()
    await until(async () => (await consumer.lag()) === 0n)
    expect(await ids(tenant)).toEqual([])
  })

  it('takes a message that the relay sent twice for one entry, and counts it', async () => {
    const tenant = newId('ten')
    const [one, two] = [event(tenant), event(tenant)]
    await fixture.eventLog.produce('changes', [one, two, one])
    let repeated = 0
    const metrics = { appended: () => undefined, repeated: (n: number) => void (repeated += n), setAside: () => undefined }
    const consumer = await start({ metrics })
    await until(async () => (await consumer.lag()) === 0n)
    await fixture.eventLog.produce('changes', [two])
    await until(async () => (await consumer.lag()) === 0n)
    expect(await ids(tenant)).toEqual([one.id, two.id])
    expect(repeated).toBe(2)
  })

  it('lets one consumer append in a partition: what another one believed of the offset fails whole', async () => {
    const tenant = newId('ten')
    const partition = partitionOf(tenant)
    const expected = await offsetOf('facts', tenant)
    const append = (...messages: Message[]) =>
      fixture.audit.db.run(
        platform(),
        appendLeaves({
          topic: 'facts',
          partition,
          expected,
          next: expected + BigInt(messages.length),
          leaves: messages.map((message, i) =>
            leafOf({ ...message, topic: 'facts', partition, offset: expected + BigInt(i), time: new Date() }),
          ),
          setAside: [],
        }),
      )
    const [winner, loser] = [event(tenant, { topic: 'facts' }), event(tenant, { topic: 'facts' })]
    const outcomes = await Promise.allSettled([append(winner), append(loser)])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    expect(failure?.reason).toMatchObject({ reason: 'CONFLICT' })
    expect(await fixture.leaves(tenant)).toHaveLength(1)
    expect(await offsetOf('facts', tenant)).toBe(expected + 1n)
    // The offset is that of messages never produced: the log goes on behind them.
    await fixture.audit.query('update platform.audit_offset set next_offset = $1 where topic = $2 and partition = $3', [
      expected.toString(),
      'facts',
      partition,
    ])
  })

  it('appends each entry once when consumers come, go and crash under load', async () => {
    const tenants = Array.from({ length: 8 }, () => newId('ten'))
    const sent: Message[] = []
    let producing = true
    const producer = (async () => {
      while (producing) {
        const more = Array.from({ length: 20 }, (_, i) => event(tenants[i % tenants.length]!))
        await fixture.eventLog.produce('changes', more)
        sent.push(...more)
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    })()
    const crash = (): void => {
      if (Math.random() < 0.2) throw new Error('crashed')
    }
    const first = await start({ failpoint: crash })
    await start({ failpoint: crash })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await first.close()
    running.splice(running.indexOf(first), 1)
    await start({ failpoint: crash })
    await new Promise((resolve) => setTimeout(resolve, 500))
    producing = false
    await producer
    const due = (tenant: string) => sent.filter(({ key }) => key === tenant).map(({ id }) => id)
    await until(async () =>
      (await Promise.all(tenants.map(async (tenant) => (await ids(tenant)).length === due(tenant).length))).every(Boolean),
    )
    for (const tenant of tenants) {
      const leaves = await fixture.leaves(tenant)
      expect(leaves.map(({ id }) => id)).toEqual(due(tenant))
      expect(leaves.map(({ index }) => index)).toEqual(leaves.map((_, i) => BigInt(i)))
    }
  })

  describe('threats 39: the audit database is down', () => {
    const flaky = (state: { down: boolean }): Database =>
      ({
        ...fixture.audit.db,
        run: (...all: Parameters<Database['run']>) =>
          state.down ? Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'down')) : fixture.audit.db.run(...all),
      }) as Database

    it('leaves everything in the event log until it is up again', async () => {
      const tenant = newId('ten')
      const state = { down: true }
      await start({ db: flaky(state) })
      const sent = Array.from({ length: 30 }, () => event(tenant))
      await fixture.eventLog.produce('changes', sent)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(await ids(tenant)).toEqual([])
      state.down = false
      await until(async () => (await ids(tenant)).length === 30)
      expect(await ids(tenant)).toEqual(sent.map(({ id }) => id))
    })

    it('control: a consumer that goes on after a failure loses what it was given', async () => {
      const tenant = newId('ten')
      const state = { down: true }
      const eventLog: Pick<EventLog, 'consume'> = {
        consume: (options) =>
          fixture.eventLog.consume({
            ...options,
            group: newId('op'),
            position: undefined,
            onBatch: (batch, signal) => options.onBatch(batch, signal).catch(() => undefined),
          }),
      }
      const consumer = await start({ db: flaky(state), eventLog })
      await fixture.eventLog.produce('changes', [event(tenant)])
      await until(async () => (await consumer.lag()) === 0n)
      state.down = false
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(await ids(tenant)).toEqual([])
      // What is left to a consumer that keeps its word.
      await consumer.close()
      running.splice(running.indexOf(consumer), 1)
      await start()
      await until(async () => (await ids(tenant)).length === 1)
    })
  })

  it('sets aside what no repetition makes good, with its reason, and goes on', async () => {
    const tenant = newId('ten')
    const good = event(tenant)
    const reused = { ...event(tenant, { id: good.id, version: '9' }) }
    const foreign = { ...event(newId('ten')), key: tenant }
    const noise: Message = { id: 'x', key: tenant, value: Buffer.from('not an event\0'), headers: {} }
    const last = event(tenant)
    await fixture.eventLog.produce('changes', [good, noise, reused, foreign, last])
    let aside = 0
    const metrics = { appended: () => undefined, repeated: () => undefined, setAside: (n: number) => void (aside += n) }
    const consumer = await start({ metrics })
    await until(async () => (await consumer.lag()) === 0n)
    expect(await ids(tenant)).toEqual([good.id, last.id])
    const rows = await fixture.setAside()
    expect(rows.map(({ reason }) => reason)).toEqual([
      'not a CloudEvent',
      'id used again with other content',
      'message key is not the tenant',
    ])
    expect(rows.map(({ value }) => value)).toEqual([noise, reused, foreign].map(({ value }) => Buffer.from(value)))
    expect(aside).toBe(3)
  })

  it('threats 40: text that forges lines or that Postgres cannot store is one leaf, exact in its envelope', async () => {
    const tenant = newId('ten')
    const hostile = 'a\r\n{"level":30}\u2028b\u2029c\u0000d\u202ee'
    const message = accessRecordMessage({
      tenantId: tenant,
      resourceId: hostile,
      method: hostile,
      action: hostile,
      traceId: hostile.repeat(100),
      actor: { subject: hostile },
    })
    await fixture.eventLog.produce('access', [message])
    const consumer = await start()
    await until(async () => (await consumer.lag()) === 0n)
    const leaves = await fixture.leaves(tenant)
    expect(leaves.map(({ envelope }) => envelope)).toEqual([Buffer.from(message.value)])
    const [row] = await fixture.audit.query<{ resource: string }>('select resource from pool.leaf where tenant_id = $1', [tenant])
    expect(row!.resource).toBe(`record/${hostile.replace('\0', '\ufffd')}`)
    // Control: the same leaf with its columns as they came stops the partition for good.
    const partition = partitionOf(tenant)
    const expected = await offsetOf('access', tenant)
    const leaf = { ...leafOf({ ...message, topic: 'access', partition, offset: expected, time: new Date() }), resource: hostile }
    const raw = appendLeaves({ topic: 'access', partition, expected, next: expected + 1n, leaves: [leaf], setAside: [] })
    await expect(fixture.audit.db.run(platform(), raw)).rejects.toThrow()
  })

  describe('append-only', () => {
    const attempts = [
      `update pool.leaf set envelope = ''`,
      'delete from pool.leaf',
      `insert into pool.leaf select tenant_id, 999, 'x', now(), now(), '', '', '', '', '', '', '', '', '' from pool.leaf limit 1`,
      'truncate pool.leaf',
      'update pool.audit_log set size = 0',
      'delete from pool.audit_log',
      'insert into pool.audit_log (tenant_id, size) values (platform.tenant_id(), 7)',
      'update platform.audit_offset set next_offset = 0',
      'delete from platform.set_aside',
    ]
    it.each(attempts)('the runtime role cannot: %s', async (text) => {
      const call = systemCall({ tenant: PLATFORM_TENANT })
      const statement = { name: `attempt-${attempts.indexOf(text)}`, text, values: [], rows: 'any' as const, writes: true }
      const failed = await fixture.audit.db.run(call, statement).then(
        () => undefined,
        (error: AppError) => error,
      )
      expect(String(((failed as Error).cause ?? failed) as Error)).toMatch(/permission denied/)
    })

    it('control: the statements are good ones, where the right is given', async () => {
      const pool = fixture.audit.pool('audit_owner')
      const client = await pool.connect()
      await client.query('begin')
      for (const text of attempts.filter((each) => !each.includes('platform.tenant_id'))) await client.query(text)
      await client.query('rollback')
      client.release()
    })

    it('appends in the context of the platform only', async () => {
      const tenant = newId('ten')
      const expected = await offsetOf('facts', tenant)
      const statement = appendLeaves({ topic: 'facts', partition: partitionOf(tenant), expected, next: expected, leaves: [], setAside: [] })
      await expect(fixture.audit.db.run(systemCall({ tenant }), statement)).rejects.toThrow()
      await fixture.audit.db.run(platform(), statement)
    })
  })
})
