import { create, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf'
import type { JsonValue } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { TimestampSchema } from '@bufbuild/protobuf/wkt'
import { CloudEventSchema } from '../../../proto/gen/io/cloudevents/v1/cloudevents_pb.js'
import type { AccessRecord, Event } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema, ActorSchema, EventSchema, SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { FactSchema } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Message } from './event-log.js'
import type { OutboxRow } from './outbox-columns.js'

export const EVENT_TYPE_URL = `type.googleapis.com/${EventSchema.typeName}`
export const ACCESS_TYPE_URL = `type.googleapis.com/${AccessRecordSchema.typeName}`

/**
 * The id of an access record in its CloudEvent and in the log: `<instance>/<epoch in hex>/<tenant>/<sequence>`. The tenant belongs in it: sequences count
 * for each tenant, and source and id together must be one event's alone (CloudEvents 1.0).
 */
export const accessId = (record: Pick<AccessRecord, 'instance' | 'epoch' | 'tenantId' | 'sequence'>): string =>
  `${record.instance}/${Buffer.from(record.epoch).toString('hex')}/${record.tenantId}/${record.sequence}`

/** The CloudEvents type of the access records of a service. */
export const accessType = (service: string): string => `tenantry.${service}.access.recorded.v1`

/** The event of an outbox row. */
export const eventOf = (row: OutboxRow): Event =>
  create(EventSchema, {
    id: row.id,
    type: row.type,
    time: timestampOf(BigInt(row.time_us)),
    tenantId: row.tenant_id,
    subject: row.subject,
    region: row.region,
    actor: fromJson(ActorSchema, (row.actor ?? {}) as JsonValue),
    decisionId: row.decision_id,
    ordinal: row.ordinal,
    version: BigInt(row.version),
    changedFields: [...row.changed_fields],
    traceId: row.trace_id,
    traceparent: row.traceparent,
    fact: row.fact == null ? undefined : fromJson(FactSchema, row.fact as JsonValue),
    attributes: sorted(row.attributes),
    sealed: row.sealed.map((part) => fromBinary(SealedPartSchema, part)),
    action: row.action,
  })

/**
 * What the relay sends for an outbox row: a CloudEvent 1.0 in its protobuf format, the same bytes every time (maps are written in the order of their
 * keys), so that a repetition is known by its bytes.
 */
export const eventMessage = (row: OutboxRow, service: string): Message => {
  const event = eventOf(row)
  return message(toBinary(EventSchema, event), EVENT_TYPE_URL, {
    id: event.id,
    source: sourceOf(event.region, service),
    type: event.type,
    subject: event.subject,
    time: event.time,
    key: event.tenantId,
    traceparent: event.traceparent,
  })
}

/**
 * What is sent for an access record: its CloudEvent carries the very bytes that were journalled, because the next record of the chain carries their
 * hash.
 */
export const accessMessage = (journalled: Uint8Array, record: AccessRecord = fromBinary(AccessRecordSchema, journalled)): Message =>
  message(journalled, ACCESS_TYPE_URL, {
    id: accessId(record),
    source: sourceOf(record.region, record.service),
    type: accessType(record.service),
    subject: record.method,
    time: record.time,
    key: record.tenantId,
    traceparent: record.traceparent,
  })

/** The CloudEvents source of a service. */
export const sourceOf = (region: string, service: string): string => `/region/${region}/svc/${service}`

interface Attributes {
  id: string
  source: string
  type: string
  subject: string
  time: Timestamp | undefined
  key: string
  traceparent: string
}

const message = (data: Uint8Array, typeUrl: string, of: Attributes): Message => {
  const text = (value: string) => ({ attr: { case: 'ceString' as const, value } })
  const attributes = {
    partitionkey: text(of.key),
    ...(of.subject === '' ? {} : { subject: text(of.subject) }),
    ...(of.time === undefined ? {} : { time: { attr: { case: 'ceTimestamp' as const, value: of.time } } }),
    ...(of.traceparent === '' ? {} : { traceparent: text(of.traceparent) }),
  }
  const value = toBinary(
    CloudEventSchema,
    create(CloudEventSchema, {
      id: of.id,
      source: of.source,
      specVersion: '1.0',
      type: of.type,
      attributes,
      data: { case: 'protoData', value: { typeUrl, value: data } },
    }),
  )
  return {
    id: of.id,
    key: of.key,
    value,
    headers: { 'content-type': 'application/cloudevents+protobuf', ...(of.traceparent === '' ? {} : { traceparent: of.traceparent }) },
  }
}

const timestampOf = (microseconds: bigint): Timestamp => {
  const nanos = Number(((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n) * 1000
  return create(TimestampSchema, { seconds: (microseconds * 1000n - BigInt(nanos)) / 1_000_000_000n, nanos })
}

const sorted = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
