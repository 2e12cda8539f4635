import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { CloudEventSchema } from '../../../proto/gen/io/cloudevents/v1/cloudevents_pb.js'
import type { CloudEvent } from '../../../proto/gen/io/cloudevents/v1/cloudevents_pb.js'
import { newId } from '../ids.js'
import { eventMessage } from './envelope.js'
import { MAX_ENVELOPE_BYTES, parseEnvelope, PoisonMessage } from './parse-envelope.js'
import { accessRecordMessage, encodedPart, outboxRow, sealedPart } from './testing.js'

const tenant = newId('ten')
const message = (over = {}) => eventMessage(outboxRow({ tenant_id: tenant, ...over }), 'data')
const event = (over = {}) => {
  const envelope = parseEnvelope(message(over).value, tenant)
  if (envelope.kind !== 'event') throw new Error('not an event')
  return envelope.event
}

describe('eventMessage()', () => {
  it('frames an event as a CloudEvent whose attributes say the same', () => {
    const sent = message({ fact: { tenant: { tenantId: tenant, version: '7', status: 'active' } }, sealed: [encodedPart(sealedPart())] })
    const cloud = fromBinary(CloudEventSchema, sent.value)
    expect(cloud).toMatchObject({
      id: sent.id,
      source: '/region/local/svc/data',
      specVersion: '1.0',
      type: 'tenantry.data.record.created.v1',
    })
    expect(Object.fromEntries(Object.entries(cloud.attributes).map(([name, { attr }]) => [name, attr.value]))).toMatchObject({
      partitionkey: tenant,
      subject: `tenants/${tenant}/collections/col_x/records/rec_y`,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      time: { seconds: 1767323045n, nanos: 123456000 },
    })
    expect(sent.headers).toEqual({
      'content-type': 'application/cloudevents+protobuf',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    })
    const envelope = parseEnvelope(sent.value, tenant)
    expect(envelope).toMatchObject({ kind: 'event', id: sent.id, tenantId: tenant })
    if (envelope.kind !== 'event') throw new Error('not an event')
    expect(envelope.event.fact?.fact.value).toMatchObject({ version: 7n, status: 'active' })
    expect(envelope.event.sealed).toEqual([sealedPart()])
  })

  it('gives the same bytes every time, whatever order a map came in', () => {
    const row = outboxRow({ attributes: { b: '1', a: '2', '10': '3', '9': '4' } })
    const again = { ...row, attributes: { '9': '4', a: '2', '10': '3', b: '1' } }
    expect(eventMessage(again, 'data')).toEqual(eventMessage(row, 'data'))
  })

  it('keeps microseconds', () => {
    expect(event({ time_us: '1000001' }).time).toMatchObject({ seconds: 1n, nanos: 1000 })
  })
})

describe('parseEnvelope()', () => {
  const tamper = (change: (cloud: CloudEvent) => void, of = message().value): Uint8Array => {
    const cloud = fromBinary(CloudEventSchema, of)
    change(cloud)
    return toBinary(CloudEventSchema, cloud)
  }
  it.each<[string, Uint8Array, string?]>([
    ['not a CloudEvent', Buffer.from('no')],
    ['unknown CloudEvents version', tamper((cloud) => (cloud.specVersion = '0.3'))],
    ['no protobuf data', tamper((cloud) => (cloud.data = { case: 'textData', value: 'x' }))],
    ['unknown type of data', tamper((cloud) => (cloud.data.value = { ...(cloud.data.value as object), typeUrl: 'x/y' } as never))],
    ['not an event', tamper((cloud) => (cloud.data.value = { ...(cloud.data.value as object), value: Buffer.from([255]) } as never))],
    ['event id malformed or not that of its envelope', tamper((cloud) => (cloud.id = newId('evt')))],
    ['event type malformed or not that of its envelope', tamper((cloud) => (cloud.type = 'tenantry.data.record.deleted.v1'))],
    ['source is not the service of the event type', tamper((cloud) => (cloud.source = '/region/local/svc/identity'))],
    ['partition key is not the tenant', tamper((cloud) => (cloud.attributes['partitionkey']!.attr.value = newId('ten')))],
    ['message key is not the tenant', message().value, newId('ten')],
    ['tenant id malformed', message({ tenant_id: 'ten_x' }).value, 'ten_x'],
    ['time absent or out of range', message({ time_us: '-1' }).value],
    ['decision id malformed', message({ decision_id: Buffer.alloc(3) }).value],
    ['event without a version', message({ version: '0' }).value],
    ['record without a sequence', accessRecordMessage({ tenantId: tenant, sequence: 0n }).value],
    ['record without an epoch', accessRecordMessage({ tenantId: tenant, epoch: Buffer.alloc(3) }).value],
    ['record without an instance', accessRecordMessage({ tenantId: tenant, instance: 'a/b' }).value],
    ['record without a kind', accessRecordMessage({ tenantId: tenant, kind: 0 }).value],
    ['envelope too large', new Uint8Array(MAX_ENVELOPE_BYTES + 1)],
  ])('sets aside: %s', (reason, value, key = tenant) => {
    expect(() => parseEnvelope(value, key)).toThrow(new PoisonMessage(reason))
  })

  it('throws PoisonMessage and nothing else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (noise, at) => {
        const value = Buffer.from(message().value)
        value.set(noise.subarray(0, 3), at % (value.length - 3))
        for (const bytes of [noise, value]) {
          try {
            parseEnvelope(bytes, tenant)
          } catch (error) {
            expect(error).toBeInstanceOf(PoisonMessage)
          }
        }
      }),
    )
  })

  it('reads access records, with the bytes that were journalled', () => {
    const sent = accessRecordMessage({ tenantId: tenant, sequence: 12n, epoch: Buffer.alloc(16, 0xab) })
    const envelope = parseEnvelope(sent.value, tenant)
    expect(envelope).toMatchObject({ kind: 'access', id: `data-0/${'ab'.repeat(16)}/${tenant}/12`, tenantId: tenant })
    const cloud = fromBinary(CloudEventSchema, sent.value)
    expect(envelope.kind === 'access' && envelope.recordBytes).toEqual((cloud.data.value as { value: Uint8Array }).value)
    expect(create(CloudEventSchema, cloud).type).toBe('tenantry.data.access.recorded.v1')
  })

  it('never gives two tenants the same id of an access record, though each counts from one', () => {
    const epoch = Buffer.alloc(16, 0xab)
    const ids = [newId('ten'), newId('ten')].map((tenantId) => accessRecordMessage({ tenantId, epoch, sequence: 1n }).id)
    expect(new Set(ids).size).toBe(2)
  })

  it('threats 40: text that forges lines elsewhere is one message, back to the byte', () => {
    const hostile = 'a\r\nb\u2028c\u2029d\u0085e\u0000f"\\{}\u202eg\ufeff'
    expect(event({ subject: hostile, attributes: { [hostile]: hostile }, changed_fields: [hostile] })).toMatchObject({
      subject: hostile,
      attributes: { [hostile]: hostile },
      changedFields: [hostile],
    })
    // A lone surrogate has no UTF-8: it never gets as far as an envelope in another form than this one.
    const lone = message({ subject: 'x\ud800y' })
    expect(parseEnvelope(lone.value, tenant)).toMatchObject({ event: { subject: 'x\ufffdy' } })
  })
})
