import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { newId } from '../ids.js'
import type { Batch, Consumer, EventLog, Message, StoredMessage, Topic } from './event-log.js'
import { advance, TOPICS } from './event-log.js'
import { PARTITIONS, partitionOf } from './partition.js'

/** Of a test on a crowded machine. */
const PATIENCE_MS = 60_000

/** One process's view of an event log that all processes of a test share. */
export interface LogProcess {
  readonly log: EventLog
  /** The process is gone, as after kill -9: nothing more of it reaches the log, and nobody hands anything back for it. */
  crash(): Promise<void>
}

export interface LogHarness {
  open(): Promise<LogProcess>
  /** Milliseconds after which a consumer that crashed is replaced at the latest. */
  readonly takeoverMs: number
  close(): Promise<void>
}

/** What every adapter of EventLog must do. Poison messages are their consumer's business: the log repeats a batch as long as it is refused. */
export const describeEventLog = (name: string, start: () => Promise<LogHarness>): void => {
  describe(`EventLog: ${name}`, () => {
    jest.setTimeout(2 * PATIENCE_MS)
    let harness: LogHarness
    const processes: LogProcess[] = []
    let stopProducing = (): unknown => undefined
    const open = async (): Promise<LogProcess> => {
      const made = await harness.open()
      processes.push(made)
      return made
    }
    beforeAll(async () => {
      harness = await start()
    }, PATIENCE_MS)
    afterEach(() => void stopProducing())
    afterAll(async () => {
      await Promise.all(processes.map(({ log }) => log.close()))
      await harness.close()
    })

    it('keeps messages whole and in order within their partition', async () => {
      const { log } = await open()
      const sent = messages(300)
      await log.produce('changes', sent.slice(0, 100))
      await log.produce('changes', [])
      await log.produce('changes', sent.slice(100))
      const { seen, consumer } = await collect(log, ['changes'], sent)
      await seen.all()
      const stored = seen.messages
      expect(new Set(stored.map(({ partition }) => partition)).size).toBe(PARTITIONS)
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const here = stored.filter((message) => message.partition === partition)
        const due = sent.filter(({ key }) => partitionOf(key) === partition)
        expect(here.map(({ id, key, value, headers }) => ({ id, key, value: Buffer.from(value), headers }))).toEqual(due)
        expect(here.map(({ offset }) => offset - here[0]!.offset)).toEqual(here.map((_, i) => BigInt(i)))
      }
      while ((await consumer.lag()) > 0n) await new Promise((resolve) => setTimeout(resolve, 10))
      await consumer.close()
    })

    it('gives a tenant the same partition in every topic', async () => {
      const { log } = await open()
      const key = newId('ten')
      const sent = TOPICS.map((topic) => ({ topic, message: message(key) }))
      for (const { topic, message } of sent) await log.produce(topic, [message])
      const { seen, consumer } = await collect(
        log,
        TOPICS,
        sent.map(({ message }) => message),
      )
      await seen.all()
      expect(seen.messages.map(({ topic, partition }) => [topic, partition]).sort()).toEqual(
        TOPICS.map((topic) => [topic, partitionOf(key)]).sort(),
      )
      await consumer.close()
    })

    it('brings a refused batch again, and skips nothing', async () => {
      const { log } = await open()
      const sent = messages(20, newId('ten'))
      await log.produce('facts', sent)
      let refusals = 0
      const { seen, consumer } = await collect(log, ['facts'], sent, async (batch) => {
        if (batch.messages.some(({ id }) => id === sent[10]!.id) && refusals++ < 2) throw new Error('refused')
      })
      await seen.all()
      expect(refusals).toBe(3)
      expect(seen.messages.map(({ id }) => id)).toEqual(sent.map(({ id }) => id))
      await consumer.close()
    })

    it('bounds batches', async () => {
      const { log } = await open()
      const sent = messages(25, newId('ten'))
      await log.produce('facts', sent)
      const sizes: number[] = []
      const { seen, consumer } = await collect(log, ['facts'], sent, async (batch) => void sizes.push(batch.messages.length), {
        maxBatch: 10,
      })
      await seen.all()
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10)
      await consumer.close()
    })

    it('goes on where the group was, and gives another group everything', async () => {
      const { log } = await open()
      const group = newId('op')
      const first = messages(30)
      await log.produce('facts', first)
      const one = await collect(log, ['facts'], first, undefined, { group })
      await one.seen.all()
      await one.consumer.close()
      const second = messages(30)
      await log.produce('facts', second)
      const again = await collect(log, ['facts'], [...first, ...second], undefined, { group })
      await again.seen.until(() => again.seen.messages.length >= 30)
      expect(ids(again.seen.messages)).toEqual(ids(second))
      const other = await collect(log, ['facts'], [...first, ...second])
      await other.seen.all()
      await Promise.all([again.consumer.close(), other.consumer.close()])
    })

    it('goes on where the consumer says, when it keeps its own offsets', async () => {
      const { log } = await open()
      const sent = messages(20, newId('ten'))
      const before = await log.end(['facts'])
      await log.produce('facts', sent)
      const partition = partitionOf(sent[0]!.key)
      const from = before[`facts/${partition}`]! + 15n
      const { seen, consumer } = await collect(log, ['facts'], sent, undefined, {
        position: async (_topic: Topic, at: number) => (at === partition ? from : before[`facts/${at}`]!),
      })
      await seen.until(() => seen.messages.length >= 5)
      expect(seen.messages.map(({ id }) => id)).toEqual(sent.slice(15).map(({ id }) => id))
      await consumer.close()
    })

    it('hands partitions over between consumers: none lost, never two batches of one partition at once', async () => {
      const [a, b, c] = [await open(), await open(), await open()]
      const group = newId('op')
      const working = new Set<number>()
      const owners = new Map<string, Set<number>>()
      let overlaps = 0
      const watch = (who: string) => async (batch: Batch) => {
        if (working.has(batch.partition)) overlaps += 1
        working.add(batch.partition)
        owners.set(who, (owners.get(who) ?? new Set()).add(batch.partition))
        await new Promise((resolve) => setTimeout(resolve, 2))
        working.delete(batch.partition)
      }
      const sent: Message[] = []
      const seen = collector()
      // Before the first message is sent: consumers begin here.
      const begin = await a.log.end(['changes'])
      let producing = true
      stopProducing = () => (producing = false)
      const producer = (async () => {
        while (producing) {
          const more = messages(30)
          await a.log.produce('changes', more)
          sent.push(...more)
          await new Promise((resolve) => setTimeout(resolve, 30))
        }
      })()
      const position = async (topic: Topic, partition: number) => done.get(partition) ?? begin[`${topic}/${partition}`]!
      const done = new Map<number, bigint>()
      const consume = (process: LogProcess, who: string): Promise<Consumer> =>
        process.log.consume({
          group,
          topics: ['changes'],
          position,
          onBatch: async (batch) => {
            await watch(who)(batch)
            seen.add(batch)
            done.set(batch.partition, batch.messages.at(-1)!.offset + 1n)
          },
        })
      const first = await consume(a, 'a')
      await seen.until(() => (owners.get('a')?.size ?? 0) === PARTITIONS)
      const second = await consume(b, 'b')
      const third = await consume(c, 'c')
      await seen.until(() => (owners.get('b')?.size ?? 0) >= 4 && (owners.get('c')?.size ?? 0) >= 4)
      await first.close()
      owners.clear()
      await seen.until(() => (owners.get('b')?.size ?? 0) >= 6 && (owners.get('c')?.size ?? 0) >= 6)
      expect(owners.has('a')).toBe(false)
      producing = false
      await producer
      await seen.until(() => sent.every(({ id }) => seen.ids.has(id)))
      expect(overlaps).toBe(0)
      expect(seen.messages).toHaveLength(sent.length)
      for (const [partition, list] of byPartition(seen.messages)) {
        expect([partition, list]).toEqual([partition, [...list].sort((x, y) => Number(x - y))])
      }
      await Promise.all([second.close(), third.close()])
    })

    it('gives what a crashed consumer had at hand to another one', async () => {
      const [a, b] = [await open(), await open()]
      const group = newId('op')
      const sent = messages(60)
      const position = (
        (begin) => async (topic: Topic, partition: number) =>
          begin[`${topic}/${partition}`]!
      )(await a.log.end(['changes']))
      await a.log.produce('changes', sent)
      let lost: AbortSignal | undefined
      const held = new Promise<void>((resolve) => {
        void a.log.consume({
          group,
          topics: ['changes'],
          position,
          onBatch: (_batch, signal) => {
            lost = signal
            resolve()
            return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('lost'))))
          },
        })
      })
      await held
      await a.crash()
      const started = performance.now()
      const { seen, consumer } = await collect(b.log, ['changes'], sent, undefined, { group, position })
      await seen.all()
      expect(performance.now() - started).toBeLessThan(harness.takeoverMs)
      await seen.until(() => lost?.aborted === true)
      await consumer.close()
    })

    it('tails every partition from its end, and from where a reader left off', async () => {
      const { log } = await open()
      await log.produce('changes', messages(5))
      const stop = new AbortController()
      const start = await log.end(['changes', 'facts'])
      const sent = messages(50)
      await log.produce('changes', sent.slice(0, 20))
      let position = start
      const first: StoredMessage[] = []
      for await (const each of log.tail(['changes', 'facts'], start, stop.signal)) {
        first.push(each)
        position = advance(position, each)
        if (first.length === 10) break
      }
      await log.produce('changes', sent.slice(20))
      const rest: StoredMessage[] = []
      for await (const each of log.tail(['changes', 'facts'], position, stop.signal)) {
        rest.push(each)
        if (rest.length === 40) break
      }
      expect(ids([...first, ...rest])).toEqual(ids(sent))

      const fresh: StoredMessage[] = []
      const following = (async () => {
        for await (const each of log.tail(['facts'], undefined, stop.signal)) fresh.push(each)
      })()
      await new Promise((resolve) => setTimeout(resolve, 200))
      const late = messages(3)
      await log.produce('facts', late)
      while (fresh.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
      stop.abort()
      await following
      expect(ids(fresh)).toEqual(ids(late))
    })

    it('is ready, and closes its consumers with it', async () => {
      const { log } = await open()
      expect(await log.ready()).toBe(true)
      let batches = 0
      await log.consume({ group: newId('op'), topics: ['facts'], onBatch: async () => void (batches += 1) })
      await log.close()
      const then = batches
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(batches).toBe(then)
    })
  })
}

const message = (key: string): Message => {
  const id = newId('evt')
  return { id, key, value: Buffer.from(`value of ${id}\0\xff`, 'latin1'), headers: { traceparent: id, empty: '' } }
}
const messages = (count: number, key?: string): Message[] => Array.from({ length: count }, () => message(key ?? newId('ten')))
const ids = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id).sort()

const byPartition = (list: readonly StoredMessage[]): Map<number, bigint[]> => {
  const partitions = new Map<number, bigint[]>()
  for (const { partition, offset } of list) partitions.set(partition, [...(partitions.get(partition) ?? []), offset])
  return partitions
}

const collector = (only?: ReadonlySet<string>) => {
  const seen: StoredMessage[] = []
  const known = new Set<string>()
  const until = async (done: () => boolean): Promise<void> => {
    const end = performance.now() + PATIENCE_MS
    while (!done()) {
      if (performance.now() > end) throw new Error(`not seen in time; ${seen.length} messages so far`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return {
    messages: seen,
    ids: known as ReadonlySet<string>,
    until,
    all: () => until(() => [...(only ?? [])].every((id) => known.has(id))),
    add: (batch: Batch) => {
      for (const each of batch.messages) {
        if (only !== undefined && !only.has(each.id)) continue
        seen.push(each)
        known.add(each.id)
      }
    },
  }
}

/** A consumer that notes those of the messages which it took: after `before` accepted their batch. */
const collect = async (
  log: EventLog,
  topics: readonly Topic[],
  only: readonly Message[],
  before: (batch: Batch) => Promise<void> = () => Promise.resolve(),
  over: Partial<Parameters<EventLog['consume']>[0]> = {},
) => {
  const seen = collector(new Set(only.map(({ id }) => id)))
  const consumer = await log.consume({
    group: newId('op'),
    topics,
    onBatch: async (batch) => {
      await before(batch)
      seen.add(batch)
    },
    ...over,
  })
  return { seen, consumer }
}
