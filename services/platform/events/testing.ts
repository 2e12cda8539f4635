import { create, toBinary, toJson } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  AccessRecordSchema,
  ActorSchema,
  Outcome,
  RecordKind,
  SealedPartSchema,
} from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { SealedPart } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { newId, random16, uuid7 } from '../ids.js'
import { accessMessage } from './envelope.js'
import type { Message } from './event-log.js'
import type { OutboxRow } from './outbox-columns.js'

/** An outbox row as the relay reads it, for tests. */
export const outboxRow = (over: Partial<OutboxRow> = {}): OutboxRow => {
  const tenant = over.tenant_id ?? newId('ten')
  return {
    tenant_id: tenant,
    id: newId('evt'),
    topic: 'changes',
    type: 'tenantry.data.record.created.v1',
    subject: `tenants/${tenant}/collections/col_x/records/rec_y`,
    version: '1',
    ordinal: 1,
    decision_id: random16(),
    action: 'data.record.create',
    time_us: '1767323045123456',
    actor: toJson(ActorSchema, create(ActorSchema, { subject: 'usr_1', kind: 'user', tenantId: tenant })),
    region: 'local',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    changed_fields: ['fields.name'],
    attributes: {},
    fact: null,
    sealed: [],
    ...over,
  }
}

/** A sealed part that nobody can open. */
export const sealedPart = (keyId = 'key_1'): SealedPart =>
  create(SealedPartSchema, { keyId, wrappedKey: Buffer.alloc(92, 1), ciphertext: Buffer.alloc(64, 2), commitment: Buffer.alloc(32, 3) })

export const encodedPart = (part: SealedPart): Uint8Array => toBinary(SealedPartSchema, part)

/** The message of an access record. */
export const accessRecordMessage = (over: MessageInitShape<typeof AccessRecordSchema> = {}): Message => {
  const record = create(AccessRecordSchema, {
    kind: RecordKind.CALL,
    decisionId: random16(),
    time: timestampFromDate(new Date()),
    tenantId: newId('ten'),
    instance: 'data-0',
    epoch: uuid7(),
    sequence: 1n,
    service: 'data',
    method: 'tenantry.data.v1.RecordService/GetRecord',
    action: 'data.record.read',
    resourceType: 'record',
    resourceId: 'rec_1',
    outcome: Outcome.OK,
    region: 'local',
    ...over,
  })
  return accessMessage(toBinary(AccessRecordSchema, record), record)
}
