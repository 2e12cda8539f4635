import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Span, Tracer } from '@opentelemetry/api'
import type { Logger } from 'pino'
import type { Batch, Consumer, EventLog, StoredMessage, Topic } from '../platform/events/event-log.js'
import { positionKey, TOPICS } from '../platform/events/event-log.js'
import { PoisonMessage } from '../platform/events/parse-envelope.js'
import { remoteContext } from '../platform/events/trace-context.js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import type { Database } from '../platform/postgres/database.js'
import { systemCall } from '../platform/postgres/system-call.js'
import { leafOf } from './leaf.js'
import type { Leaf, SetAside } from './store/append-leaves.js'
import { appendLeaves } from './store/append-leaves.js'
import { readOffset } from './store/read-offset.js'

/** Places where a test may stop the consumer as a crash would: throw from `failpoint`. */
export type ConsumeFailpoint = 'before-append' | 'after-append'

export interface ConsumeMetrics {
  appended(leaves: number): void
  /** Came again, and was in the log. */
  repeated(messages: number): void
  setAside(messages: number): void
}

export interface ConsumeOptions {
  readonly db: Database
  readonly eventLog: Pick<EventLog, 'consume'>
  readonly tracer: Tracer
  readonly log: Logger
  readonly metrics?: ConsumeMetrics
  readonly group?: string
  readonly failpoint?: (point: ConsumeFailpoint) => Promise<void> | void
}

const APPEND_MS = 15_000

/**
 * Brings every message of the event log into its tenant's log, exactly once: an entry's id is the key of its leaf, and the partition's offset moves in
 * the transaction that appends, from where this consumer believes it to be. A consumer that lost its partition appends nothing. It makes no decisions.
 *
 * A batch holds many tenants; one transaction for all of them costs one commit where a signed context for each would cost one per tenant. So the
 * append is one definer function, for which the runtime role needs no right to write any table, and which runs in the platform's context only.
 */
export const startConsumer = (options: ConsumeOptions): Promise<Consumer> => {
  const { db, eventLog, log, metrics, tracer, failpoint = () => undefined } = options
  // Where each partition goes on, as this consumer read or left it.
  const positions = new Map<string, bigint>()

  const position = async (topic: Topic, partition: number): Promise<bigint> => {
    const call = systemCall({ tenant: PLATFORM_TENANT, timeoutMs: APPEND_MS })
    const [rows] = await db.run(call, readOffset(topic, partition))
    const next = BigInt(rows[0]!.next_offset)
    positions.set(positionKey(topic, partition), next)
    return next
  }
  const onBatch = async ({ topic, partition, messages }: Batch): Promise<void> => {
    const key = positionKey(topic, partition)
    const expected = positions.get(key) ?? (await position(topic, partition))
    const due = messages.filter(({ offset }) => offset >= expected)
    if (due.length === 0) return
    const next = due.at(-1)!.offset + 1n
    const { leaves, setAside } = sort(due)
    const spans = due.flatMap((message) => processSpan(tracer, message))
    // Until the answer is in, nobody knows where the partition stands.
    positions.delete(key)
    try {
      await failpoint('before-append')
      const call = systemCall({ tenant: PLATFORM_TENANT, timeoutMs: APPEND_MS })
      const [rows] = await db.run(call, appendLeaves({ topic, partition, expected, next, leaves, setAside }))
      await failpoint('after-append')
      positions.set(key, next)
      const { appended, repeated, reused } = rows[0]!
      metrics?.appended(Number(appended))
      metrics?.repeated(Number(repeated))
      metrics?.setAside(setAside.length + Number(reused))
      for (const { offset, reason } of setAside)
        log.error({ topic, partition, offset: offset.toString(), reason }, 'audit: message set aside')
      if (Number(reused) > 0)
        log.error({ topic, partition, next: next.toString(), reused }, 'audit: an id was used again with other content; set aside')
    } catch (error) {
      for (const span of spans) span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      for (const span of spans) span.end()
    }
  }
  return eventLog.consume({ group: options.group ?? 'audit', topics: TOPICS, onBatch, position })
}

const sort = (messages: readonly StoredMessage[]): { leaves: Leaf[]; setAside: SetAside[] } => {
  const leaves: Leaf[] = []
  const setAside: SetAside[] = []
  for (const message of messages) {
    try {
      leaves.push(leafOf(message))
    } catch (error) {
      if (!(error instanceof PoisonMessage)) throw error
      setAside.push({ offset: message.offset, key: message.key, value: message.value, reason: error.reason })
    }
  }
  return { leaves, setAside }
}

/** A span in the trace of the call that the message tells of. None where that call was not sampled. */
const processSpan = (tracer: Tracer, { topic, id, headers }: StoredMessage): Span[] => {
  const parent = remoteContext(headers['traceparent'] ?? '')
  if (parent === undefined) return []
  const attributes = {
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.message.id': id,
  }
  return [tracer.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes }, parent)]
}
