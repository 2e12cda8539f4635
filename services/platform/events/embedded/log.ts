import type { Logger } from 'pino'
import type { Consumer, EventLog } from '../event-log.js'
import { sleep } from '../sleep.js'
import type { SqlPool } from '../sql.js'
import { startConsumer } from './consumer.js'
import { appendMessages, expireMessages, readHeads } from './store/messages.js'
import { readEnd, tailLog } from './tail.js'

export interface Retention {
  readonly ageSeconds: number
  /** Of each partition. */
  readonly bytes: number
  readonly everyMs: number
}

export interface EmbeddedLogOptions {
  /** Of role events_producer; a process that only consumes has none. */
  readonly producer?: SqlPool
  /** Of role events_consumer; a process that only produces has none. */
  readonly consumer?: SqlPool
  readonly log: Logger
  /** How long a consumer that died keeps its partitions. */
  readonly leaseMs?: number
  readonly poll?: readonly [number, number]
  readonly concurrency?: number
  readonly retention?: Retention
  readonly onRebalance?: (partitions: number) => void
}

const WEEK_S = 7 * 24 * 3600
const GIB = 1024 ** 3
// Of one pass and partition: retention never holds a lock for long.
const MOST_EXPIRED = 2_000
// Of one statement; larger ones are sent in parts, in order.
const MOST_PRODUCED = 1_000

/** The EventLog on a Postgres database of its own (`migrateEventLog` makes it): the default, for one cluster. Pools are the caller's to close. */
export const createEmbeddedLog = (options: EmbeddedLogOptions): EventLog => {
  const { log, leaseMs = 3_000, poll = [10, 50], concurrency = 4, onRebalance } = options
  const { retention = { ageSeconds: WEEK_S, bytes: GIB, everyMs: 60_000 } } = options
  const producer = (): SqlPool => options.producer ?? missing('produce')
  const consumer = (): SqlPool => options.consumer ?? missing('consume')
  const consumers = new Set<Consumer>()
  const stopped = new AbortController()
  let expiring: Promise<void> | undefined

  const expire = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await sleep(retention.everyMs, stopped.signal)
      if (stopped.signal.aborted) return
      await consumer()
        .query(expireMessages(retention.ageSeconds, retention.bytes, MOST_EXPIRED))
        .catch((error: unknown) => log.warn({ err: error }, 'event log: retention failed'))
    }
  }
  return {
    produce: async (topic, messages) => {
      for (let at = 0; at < messages.length; at += MOST_PRODUCED) {
        await producer().query(appendMessages(topic, messages.slice(at, at + MOST_PRODUCED)))
      }
    },
    consume: async (consume) => {
      expiring ??= expire()
      const started = await startConsumer({ pool: consumer(), log, leaseMs, poll, concurrency, onRebalance }, consume)
      const closing: Consumer = {
        ...started,
        close: async () => {
          consumers.delete(closing)
          await started.close()
        },
      }
      consumers.add(closing)
      return closing
    },
    tail: (topics, from, signal) => tailLog(consumer(), topics, from, poll, AbortSignal.any([signal, stopped.signal])),
    end: (topics) => readEnd(consumer(), topics),
    ready: async () => {
      const pool = options.consumer ?? options.producer
      if (pool === undefined) return false
      return pool.query(options.consumer === undefined ? { text: 'select 1' } : readHeads(['facts'])).then(
        () => true,
        () => false,
      )
    },
    close: async () => {
      stopped.abort()
      await Promise.all([...consumers].map((each) => each.close()))
      await expiring
    },
  }
}

const missing = (what: string): never => {
  throw new Error(`this process has no credential to ${what} events`)
}
