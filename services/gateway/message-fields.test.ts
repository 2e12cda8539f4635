import type { MessageInitShape } from '@bufbuild/protobuf'
import { create, toBinary, fromBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import { ListEventsRequestSchema } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CreateCollectionRequestSchema } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { BatchWriteRecordsRequestSchema, CreateRecordRequestSchema } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { fieldOfType, unpairedSurrogates } from './message-fields.js'

describe('fieldOfType()', () => {
  it('names the field of a message or an enum, also within a list', () => {
    expect(fieldOfType(CreateRecordRequestSchema, 'google.protobuf.Struct')).toBe('fields')
    expect(fieldOfType(BatchWriteRecordsRequestSchema, 'google.protobuf.FieldMask')).toBe('update_mask')
    expect(fieldOfType(CreateCollectionRequestSchema, 'tenantry.data.v1.Classification')).toBe('classification')
    expect(fieldOfType(ListEventsRequestSchema, 'tenantry.audit.v1.View')).toBe('view')
    expect(fieldOfType(CreateRecordRequestSchema, 'tenantry.audit.v1.View')).toBeUndefined()
  })
})

describe('unpairedSurrogates()', () => {
  const find = (init: MessageInitShape<typeof BatchWriteRecordsRequestSchema>): string | undefined =>
    unpairedSurrogates(BatchWriteRecordsRequestSchema)!(create(BatchWriteRecordsRequestSchema, init) as never)
  const creating = (fields: Record<string, string | string[]>) => ({ write: { case: 'create' as const, value: { fields } } })

  it('names the field in which one stands, in a value, in a list and in a name', () => {
    const broken: Record<string, string | string[]>[] = [{ a: 'x\ud800' }, { a: ['x', '\udc00y'] }, { '\ud800': 'x' }]
    for (const fields of broken) expect(find({ writes: [creating({ a: 'x' }), creating(fields)] })).toBe('writes[1].create.fields')
  })

  it('lets pairs pass, and what has no such field', () => {
    expect(find({ writes: [creating({ a: '😀' }), { write: { case: 'delete', value: {} } }] })).toBeUndefined()
    expect(unpairedSurrogates(ListEventsRequestSchema)).toBeUndefined()
  })

  it('is needed: encoding exchanges one for another character and says nothing', () => {
    const sent = create(CreateRecordRequestSchema, { fields: { a: 'x\ud800' } })
    const stored = fromBinary(CreateRecordRequestSchema, toBinary(CreateRecordRequestSchema, sent))
    expect(stored.fields).toEqual({ a: 'x\ufffd' })
  })
})
