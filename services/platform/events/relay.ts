import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Span, Tracer } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { eventMessage } from './envelope.js'
import type { EventLog, Message, Topic } from './event-log.js'
import { TOPICS } from './event-log.js'
import type { OutboxRow } from './outbox-columns.js'
import { sleep } from './sleep.js'
import type { SqlPool } from './sql.js'
import { inTransaction } from './sql.js'
import { deleteOutbox, measureOutbox, takeOutbox } from './store/outbox.js'
import { remoteContext } from './trace-context.js'

/** Places where a test may stop the relay as a crash would: throw from `failpoint`. */
export type RelayFailpoint = 'after-take' | 'after-send' | 'before-delete' | 'before-commit' | 'after-commit'

export interface RelayOptions {
  /** Of the relay's role: reads, locks and deletes rows of `platform.outbox`, nothing else. */
  readonly pool: SqlPool
  readonly eventLog: Pick<EventLog, 'produce'>
  /** Whose database it is: in the events' source. */
  readonly service: string
  readonly tracer: Tracer
  readonly log: Logger
  readonly onMeasure?: (backlog: number, ageSeconds: number) => void
  readonly onSent?: (events: number) => void
  readonly batch?: number
  /** Milliseconds between polls: the first while there is work, growing to the second while there is none. */
  readonly poll?: readonly [number, number]
  readonly failpoint?: (point: RelayFailpoint) => Promise<void> | void
}

export interface Relay {
  /** Sends what there is (bounded by `timeoutMs`, 5 s by default) and stops. */
  close(timeoutMs?: number): Promise<void>
}

const BATCH = 500
const TRANSACTION_MS = 2_000
// The server ends it too, should this process stop: its rows are free again for another relay.
const BEGIN = `begin; set local statement_timeout = ${TRANSACTION_MS}; set local idle_in_transaction_session_timeout = ${TRANSACTION_MS}`
const MEASURE_EVERY_MS = 1_000
const MOST_COUNTED = 100_000

/**
 * Moves events from a service's outbox to the event log: takes rows that no other relay has, oldest first, sends them, deletes what was acknowledged.
 * At least once: a crash between sending and deleting sends the same bytes again. It keeps no cursor, so nothing that commits late is skipped; any
 * number of relays may run beside each other.
 */
export const startRelay = (options: RelayOptions): Relay => {
  const { batch = BATCH, poll = [10, 50], log } = options
  const pass = relayPass(options)
  const stopped = new AbortController()
  let measured = -Infinity
  const measure = async (): Promise<void> => {
    if (options.onMeasure === undefined || performance.now() - measured < MEASURE_EVERY_MS) return
    measured = performance.now()
    const { rows } = await options.pool.query<{ backlog: number; age: number }>(measureOutbox(MOST_COUNTED))
    options.onMeasure(rows[0]!.backlog, rows[0]!.age)
  }
  const run = async (): Promise<void> => {
    let wait = poll[0]
    let failures = 0
    while (!stopped.signal.aborted) {
      try {
        // First: how much waits is worth most while nothing can be sent.
        await measure()
        const sent = await pass()
        failures = 0
        if (sent === batch) continue
        wait = sent > 0 ? poll[0] : Math.min(wait * 1.5, poll[1])
      } catch (error) {
        wait = Math.min(poll[1] * 2 ** failures++, 2_000)
        if (failures === 1 || failures % 30 === 0) log.warn({ err: error, failures }, 'outbox relay: pass failed, events wait')
      }
      await sleep(wait, stopped.signal)
    }
  }
  const running = run()
  return {
    close: async (timeoutMs = 5_000) => {
      stopped.abort()
      await running
      const until = performance.now() + timeoutMs
      try {
        while (performance.now() < until && (await pass()) > 0);
      } catch (error) {
        log.warn({ err: error }, 'outbox relay: events left for the next start')
      }
    },
  }
}

/** One pass, to be repeated: takes, sends and deletes a batch; answers how many events were sent. Rejects when they were not, and they wait then. */
export const relayPass = (options: RelayOptions): (() => Promise<number>) => {
  const { pool, eventLog, service, tracer, log, onSent, batch = BATCH, failpoint = () => undefined } = options
  // Rows that cannot be made an envelope: they stay, are reported once, and hold up nobody. Empty but for a defect.
  const unsendable = new Set<string>()
  const envelope = (row: OutboxRow): Message | undefined => {
    try {
      if (!TOPICS.includes(row.topic as Topic)) throw new Error('unknown topic')
      return eventMessage(row, service)
    } catch (error) {
      unsendable.add(row.id)
      log.error({ err: error, event: row.id }, 'outbox relay: event cannot be sent; it stays in the outbox')
      return undefined
    }
  }
  return async (): Promise<number> => {
    const spans: Span[] = []
    try {
      const sent = await inTransaction(pool, BEGIN, async (client) => {
        const started = performance.now()
        const { rows } = await client.query<OutboxRow>(takeOutbox(batch, [...unsendable]))
        if (rows.length === 0) return 0
        await failpoint('after-take')
        const topics = new Map<Topic, Message[]>()
        const taken: OutboxRow[] = []
        for (const row of rows) {
          const message = envelope(row)
          if (message === undefined) continue
          const topic = row.topic as Topic
          topics.set(topic, [...(topics.get(topic) ?? []), message])
          taken.push(row)
          spans.push(...sendSpan(tracer, topic, row))
        }
        for (const [topic, messages] of topics)
          await within(eventLog.produce(topic, messages), started + TRANSACTION_MS - performance.now())
        await failpoint('after-send')
        await failpoint('before-delete')
        await client.query(deleteOutbox(taken))
        await failpoint('before-commit')
        return taken.length
      })
      await failpoint('after-commit')
      onSent?.(sent)
      return sent
    } catch (error) {
      for (const span of spans) span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      for (const span of spans) span.end()
    }
  }
}

/** A span in the trace of the call that made the event: so one trace covers call and relay. None where that call was not sampled. */
const sendSpan = (tracer: Tracer, topic: Topic, row: OutboxRow): Span[] => {
  const parent = remoteContext(row.traceparent)
  if (parent === undefined) return []
  const attributes = {
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.message.id': row.id,
  }
  return [tracer.startSpan(`send ${topic}`, { kind: SpanKind.PRODUCER, attributes }, parent)]
}

const within = async (work: Promise<void>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the event log did not acknowledge in time')), Math.max(ms, 1))
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
