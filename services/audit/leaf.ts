import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { Outcome } from '../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { StoredMessage } from '../platform/events/event-log.js'
import { parseEnvelope } from '../platform/events/parse-envelope.js'
import type { Leaf } from './store/append-leaves.js'

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  [Outcome.UNSPECIFIED]: 'failed',
  [Outcome.OK]: 'ok',
  [Outcome.DENIED]: 'denied',
  [Outcome.FAILED]: 'failed',
}

/** The leaf of a message of the event log. Throws PoisonMessage. */
export const leafOf = (message: StoredMessage): Leaf => {
  const envelope = parseEnvelope(message.value, message.key)
  const common = {
    offset: message.offset,
    tenantId: envelope.tenantId,
    entryId: envelope.id,
    timeUs: microseconds(envelope.time),
    envelope: envelope.bytes,
  }
  if (envelope.kind === 'event') {
    const { event } = envelope
    return {
      ...common,
      type: column(event.type),
      actor: column(event.actor?.subject || event.actor?.workload || ''),
      action: column(event.action),
      resource: column(event.subject),
      outcome: 'ok',
      method: '',
      decisionId: event.decisionId,
      traceId: column(event.traceId),
    }
  }
  const { record } = envelope
  return {
    ...common,
    type: 'access',
    actor: column(record.actor?.subject || record.actor?.workload || ''),
    action: column(record.action),
    resource: column(record.resourceId === '' ? record.resourceType : `${record.resourceType}/${record.resourceId}`),
    outcome: OUTCOMES[record.outcome] ?? 'failed',
    method: column(record.method),
    decisionId: record.decisionId,
    traceId: column(record.traceId),
  }
}

/** Longest text of a column: an index takes less than 2,700 bytes. */
const LONGEST = 512

/** Text as a column takes it: what a refused call named may have anything in it. The envelope keeps it to the byte. */
const column = (text: string): string => text.slice(0, LONGEST).replace(/\0|\p{Surrogate}/gu, '\ufffd')

const microseconds = ({ seconds, nanos }: Timestamp): bigint => seconds * 1_000_000n + BigInt(Math.trunc(nanos / 1000))
