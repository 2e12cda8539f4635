import { fromBinary } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import type { Message as ProtoMessage } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import type { CloudEvent } from '../../../proto/gen/io/cloudevents/v1/cloudevents_pb.js'
import { CloudEventSchema } from '../../../proto/gen/io/cloudevents/v1/cloudevents_pb.js'
import type { AccessRecord, Event } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema, EventSchema, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { isId } from '../ids.js'
import { ACCESS_TYPE_URL, accessId, accessType, EVENT_TYPE_URL, sourceOf } from './envelope.js'

/** The most bytes of an envelope: clear part 32 KiB, sealed parts, and what frames them. */
export const MAX_ENVELOPE_BYTES = 1024 * 1024

/** What a message of the event log says. `bytes` are the CloudEvent's, exactly as sent. */
export type Envelope = { readonly id: string; readonly tenantId: string; readonly time: Timestamp; readonly bytes: Uint8Array } & (
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'access'; readonly record: AccessRecord; readonly recordBytes: Uint8Array }
)

/** A message that no repetition makes good: set it aside, with this reason (a fixed text, without anything of the message in it). */
export class PoisonMessage extends Error {
  constructor(readonly reason: string) {
    super(reason)
    this.name = 'PoisonMessage'
  }
}

/**
 * Reads and checks a message of the event log: the CloudEvents attributes and what they frame must say the same. `key` is the message's, which must
 * be the tenant that the envelope names: partitions, and so the order in a log, go by it. Throws PoisonMessage.
 */
export const parseEnvelope = (value: Uint8Array, key?: string): Envelope => {
  check(value.length <= MAX_ENVELOPE_BYTES, 'envelope too large')
  const cloud = decode(CloudEventSchema, value, 'not a CloudEvent')
  check(cloud.specVersion === '1.0', 'unknown CloudEvents version')
  check(cloud.data.case === 'protoData', 'no protobuf data')
  const { typeUrl, value: data } = cloud.data.value
  if (typeUrl === EVENT_TYPE_URL) return readEvent(cloud, data, value, key)
  check(typeUrl === ACCESS_TYPE_URL, 'unknown type of data')
  return readAccess(cloud, data, value, key)
}

const EVENT_TYPE = /^tenantry\.([a-z]+)(?:\.[a-z_]+){2}\.v[0-9]+$/

const readEvent = (cloud: CloudEvent, data: Uint8Array, bytes: Uint8Array, key: string | undefined): Envelope => {
  const event = decode(EventSchema, data, 'not an event')
  const service = EVENT_TYPE.exec(event.type)?.[1]
  check(isId('evt', event.id) && event.id === cloud.id, 'event id malformed or not that of its envelope')
  check(service !== undefined && event.type === cloud.type, 'event type malformed or not that of its envelope')
  check(cloud.source === sourceOf(event.region, service), 'source is not the service of the event type')
  check(event.version > 0n, 'event without a version')
  check(event.decisionId.length === 16 || event.decisionId.length === 0, 'decision id malformed')
  return { kind: 'event', id: event.id, event, ...common(cloud, event.tenantId, event.time, bytes, key) }
}

const readAccess = (cloud: CloudEvent, data: Uint8Array, bytes: Uint8Array, key: string | undefined): Envelope => {
  const record = decode(AccessRecordSchema, data, 'not an access record')
  check(record.kind !== RecordKind.UNSPECIFIED, 'record without a kind')
  check(/^[A-Za-z0-9_.-]{1,128}$/.test(record.instance), 'record without an instance')
  check(record.epoch.length === 16, 'record without an epoch')
  check(record.sequence > 0n, 'record without a sequence')
  check(accessId(record) === cloud.id, 'record id is not that of its envelope')
  check(accessType(record.service) === cloud.type, 'record type is not that of its envelope')
  check(cloud.source === sourceOf(record.region, record.service), 'source is not the service of the record')
  return { kind: 'access', id: cloud.id, record, recordBytes: data, ...common(cloud, record.tenantId, record.time, bytes, key) }
}

const common = (cloud: CloudEvent, tenantId: string, time: Timestamp | undefined, bytes: Uint8Array, key: string | undefined) => {
  check(isId('ten', tenantId), 'tenant id malformed')
  const partitionKey = cloud.attributes['partitionkey']?.attr
  check(partitionKey?.case === 'ceString' && partitionKey.value === tenantId, 'partition key is not the tenant')
  check(key === undefined || key === tenantId, 'message key is not the tenant')
  check(
    time !== undefined && time.seconds > 0n && time.seconds < 253_402_300_800n && time.nanos >= 0 && time.nanos < 1e9,
    'time absent or out of range',
  )
  return { tenantId, time, bytes }
}

const decode = <T extends ProtoMessage>(schema: GenMessage<T>, bytes: Uint8Array, reason: string): T => {
  try {
    return fromBinary(schema, bytes)
  } catch {
    throw new PoisonMessage(reason)
  }
}

// A declaration rather than an arrow: TypeScript wants the type of an assertion function spelled out.
function check(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new PoisonMessage(reason)
}
