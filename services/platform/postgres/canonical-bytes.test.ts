import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import { CreateRecordRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { CreateUserRequestSchema } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { EventSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { canonicalBytes } from './canonical-bytes.js'

const record = (init: MessageInitShape<typeof CreateRecordRequestSchema>) =>
  canonicalBytes(CreateRecordRequestSchema, create(CreateRecordRequestSchema, init)).toString('hex')
const event = (init: MessageInitShape<typeof EventSchema>) => canonicalBytes(EventSchema, create(EventSchema, init)).toString('hex')

describe('canonicalBytes()', () => {
  it('leaves out the request id and what is redacted', () => {
    expect(record({ tenantId: 'a', requestId: '1' })).toBe(record({ tenantId: 'a', requestId: '2' }))
    const user = (password: string) => canonicalBytes(CreateUserRequestSchema, create(CreateUserRequestSchema, { tenantId: 'a', password }))
    expect(user('hunter2')).toEqual(user('other'))
  })

  it('does not depend on the order of map entries', () => {
    expect(event({ attributes: { a: '1', b: '2' } })).toBe(event({ attributes: { b: '2', a: '1' } }))
    expect(record({ fields: { a: 1, b: [true, null], c: { d: 'x' } } })).toBe(record({ fields: { c: { d: 'x' }, b: [true, null], a: 1 } }))
  })

  it.each([
    [
      { tenantId: 'ab', collectionId: 'c' },
      { tenantId: 'a', collectionId: 'bc' },
    ],
    [{ fields: { a: 1 } }, { fields: { a: '1' } }],
    [{ fields: { a: 0 } }, { fields: { a: -0 } }],
    [{ fields: { a: null } }, { fields: {} }],
    [{ fields: { a: [[], []] } }, { fields: { a: [[[]]] } }],
    [{ fields: { '\u00e9': 1 } }, { fields: { 'e\u0301': 1 } }],
  ])('tells %j from %j', (a, b) => expect(record(a)).not.toBe(record(b)))

  it('tells lists apart by where their items end', () => {
    expect(event({ changedFields: ['ab', 'c'] })).not.toBe(event({ changedFields: ['a', 'bc'] }))
    expect(event({ attributes: { a: 'bc' } })).not.toBe(event({ attributes: { ab: 'c' } }))
  })
})
