import { describe, expect, it } from '@jest/globals'
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { create, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import fc from 'fast-check'
import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { encodeRecord } from './encode-record.js'
import type { DraftRecord } from './journal.js'

const U64 = 2n ** 64n - 1n
const scalars = (type: ScalarType): fc.Arbitrary<unknown> => {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.string({ unit: 'grapheme', maxLength: 8 }),
        fc.constantFrom('é', '\u2028', '💥\r\n', 'x'.repeat(300)),
      )
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 })
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.UINT32:
      return fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    case ScalarType.INT32:
      return fc.nat(999_999_999)
    case ScalarType.UINT64:
      return fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, U64), fc.constantFrom(2n ** 49n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, U64))
    case ScalarType.INT64:
      return fc.bigInt(0n, 253_402_300_799n)
    default:
      throw new Error(`no values for scalar ${type}: write some, and a method of the writer`)
  }
}

/** Values of a message by its descriptor: whatever the contract has, now and later. `full`: every field set. */
const messages = (desc: DescMessage, full: boolean): fc.Arbitrary<Message> =>
  fc.record(Object.fromEntries(desc.fields.map((field) => [field.localName, fieldValues(field, full)]))).map((values) => {
    const message = create(desc)
    const reflected = reflect(desc, message)
    for (const field of desc.fields) {
      const value = (values as Record<string, unknown>)[field.localName]
      if (value === undefined) continue
      if (field.fieldKind === 'message') reflected.set(field, reflect(field.message, value as Message))
      else if (field.fieldKind === 'scalar') reflected.set(field, value as never)
      else (message as unknown as Record<string, unknown>)[field.localName] = value
    }
    return message
  })
const fieldValues = (field: DescField, full: boolean): fc.Arbitrary<unknown> => {
  const many = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: full ? 2 : 0, maxLength: 3 })
  const maybe = (of: fc.Arbitrary<unknown>) => (full ? of : fc.option(of, { nil: undefined }))
  switch (field.fieldKind) {
    case 'scalar':
      return maybe(full ? scalars(field.scalar).filter(isSet) : scalars(field.scalar))
    case 'enum':
      return fc.constantFrom(...field.enum.values.map(({ number }) => number).filter((number) => !full || number !== 0))
    case 'message':
      return maybe(messages(field.message, full))
    case 'list':
      return many(field.listKind === 'message' ? messages(field.message, full) : scalars(field.scalar as ScalarType))
    case 'map':
      return fc.dictionary(
        fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
        scalars(ScalarType.STRING) as fc.Arbitrary<string>,
        { minKeys: full ? 2 : 0, maxKeys: 3, noNullPrototype: true },
      )
  }
}
const isSet = (value: unknown): boolean =>
  value !== '' && value !== 0 && value !== 0n && value !== false && !(value instanceof Uint8Array && value.length === 0)

const encoded = (record: AccessRecord): Uint8Array => encodeRecord(record as DraftRecord, { ...record, sequence: Number(record.sequence) })
const numbered = (record: Message): AccessRecord => {
  const access = record as AccessRecord
  // A sequence is counted, and never goes beyond what a number holds.
  access.sequence %= 2n ** 53n
  return access
}

describe('encodeRecord()', () => {
  it.each([true, false])('gives the bytes of toBinary for any record (every field set: %s)', (full) => {
    fc.assert(
      fc.property(messages(AccessRecordSchema, full).map(numbered), (record) => {
        expect(Buffer.from(encoded(record)).toString('hex')).toBe(Buffer.from(toBinary(AccessRecordSchema, record)).toString('hex'))
      }),
      { numRuns: 60 },
    )
  })

  it('grows for a record beyond its first buffer, and is itself again afterwards', () => {
    const long = create(AccessRecordSchema, {
      tenantId: 'ten_1',
      sealed: [{ ciphertext: new Uint8Array(200_000).fill(7) }],
      resourceId: 'x'.repeat(100_000),
    })
    for (const record of [long, create(AccessRecordSchema, { tenantId: 'ten_2' }), create(AccessRecordSchema)])
      expect(Buffer.from(encoded(record)).equals(toBinary(AccessRecordSchema, record))).toBe(true)
  })

  it('writes text that is no Unicode as toBinary does, so that a record can always be read', () => {
    const record = create(AccessRecordSchema, { resourceId: 'a\ud800b' })
    expect(fromBinary(AccessRecordSchema, encoded(record)).resourceId).toBe('a\ufffdb')
  })
})
