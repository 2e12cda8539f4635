import type { DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'

/** One field of a request with one hostile value. */
export interface Hostile {
  /** As a violation would name it. */
  readonly field: string
  readonly what: string
  readonly request: JsonObject
  /** Reasons that it must be refused with, whatever the rules of the descriptor say; none: they decide. */
  readonly refused?: readonly string[]
  /** Stands for bytes that are no UTF-8: exchanged once the message is encoded. */
  readonly rawBytes?: true
  /** The value is of another JSON type, or a text that JSON can say and UTF-8 can't: sent as JSON only. */
  readonly jsonOnly?: true
}

interface Value {
  readonly what: string
  readonly value: JsonValue
  readonly refused?: readonly string[]
  readonly rawBytes?: true
  readonly jsonOnly?: true
}

const INVALID = ['INVALID_FIELD'] as const
/** Nine bytes, exchanged for three surrogates as CESU-8 would have them. */
export const MARKER = 'QZMARKERQ'
export const SURROGATES = Buffer.from('eda080edb080eda080', 'hex')

const WRONG_TYPE: Readonly<Record<'text' | 'number' | 'boolean' | 'list' | 'message', readonly JsonValue[]>> = {
  text: [7, { a: 1 }],
  number: ['seven', { a: 1 }],
  boolean: ['yes', 7],
  list: [{ a: 1 }, 'text'],
  message: [7, 'text'],
}
const wrongType = (kind: keyof typeof WRONG_TYPE): Value[] =>
  WRONG_TYPE[kind].map((value) => ({ what: `JSON ${typeof value} for ${kind}`, value, jsonOnly: true, refused: ['MALFORMED_MESSAGE'] }))

const texts: readonly Value[] = [
  { what: 'empty', value: '' },
  { what: 'too long', value: 'a'.repeat(70_000) },
  { what: 'NUL', value: 'a\0b', refused: INVALID },
  { what: 'path', value: '../../../etc/passwd' },
  { what: 'SQL', value: "x'; drop table pool.users; --" },
  { what: 'CR LF', value: 'a\r\nx-header: 1' },
  { what: 'bidi and combining', value: 'a\u202eb\u0301\ufeff' },
  { what: 'name of a prototype', value: '__proto__' },
  { what: 'no UTF-8', value: MARKER, rawBytes: true, refused: ['MALFORMED_MESSAGE'] },
  { what: 'unpaired surrogate', value: 'a\ud800b', jsonOnly: true, refused: ['MALFORMED_MESSAGE', 'INVALID_FIELD'] },
  ...wrongType('text'),
]

/** What strings of that name mean beyond their rules. */
const byName: Readonly<Record<string, readonly Value[]>> = {
  page_token: ['garbage', Buffer.from('{"offset":0}').toString('base64url'), 'A'.repeat(200)].map((value) => ({
    what: 'page token of nobody',
    value,
    refused: ['INVALID_PAGE_TOKEN'],
  })),
  filter: ['(', 'name = ', "no_such_field = 'x'", `${'('.repeat(300)}`, "name = 'a' or 1 = 1; --", "name = 'a\\"].map((value) => ({
    what: 'filter',
    value,
    refused: ['INVALID_FILTER'],
  })),
  order_by: ['no_such_field', 'record_id; drop table x', 'record_id sideways'].map((value) => ({
    what: 'order',
    value,
    refused: ['INVALID_ORDER', 'INVALID_FIELD'],
  })),
  etag: [{ what: 'stale', value: 'stale', refused: ['ETAG_MISMATCH', 'NOT_FOUND'] }],
  request_id: [{ what: 'no UUID', value: 'not-a-uuid', refused: INVALID }],
}

const masks: readonly Value[] = [
  { what: 'unknown path', value: 'noSuchField', refused: INVALID },
  { what: 'path of the identity', value: 'tenantId', refused: INVALID },
  { what: 'empty', value: '', refused: INVALID },
  { what: 'path inside of nothing', value: 'displayName.inner.more', refused: INVALID },
  ...wrongType('message').filter(({ value }) => typeof value !== 'string'),
]

const deep = (levels: number): JsonValue => {
  let value: JsonValue = 'x'
  for (let i = 0; i < levels; i++) value = { a: value }
  return value
}
const structs: readonly Value[] = [
  { what: 'unknown field', value: { no_such_field: 'x' }, refused: INVALID },
  { what: 'another type', value: { name: 7 }, refused: INVALID },
  { what: 'list for text', value: { name: ['x'] }, refused: INVALID },
  { what: 'deep', value: { name: deep(60) }, refused: INVALID },
  { what: 'NUL in a value', value: { name: 'a\0b' }, refused: INVALID },
  { what: 'NUL in a name', value: { 'na\0me': 'x' }, refused: INVALID },
  { what: 'prototype', value: JSON.parse('{"__proto__":{"admin":true},"constructor":"x"}') as JsonValue, refused: INVALID },
  { what: 'text beyond 64 KiB', value: { name: 'a'.repeat(70_000) }, refused: INVALID },
  { what: 'SQL in a name', value: { "name'; drop table x; --": 'x' }, refused: INVALID },
  { what: 'no UTF-8 in a value', value: { name: MARKER }, rawBytes: true, refused: ['MALFORMED_MESSAGE'] },
  { what: 'unpaired surrogate in a value', value: { name: 'a\ud800b' }, jsonOnly: true, refused: ['MALFORMED_MESSAGE', 'INVALID_FIELD'] },
  ...wrongType('message'),
]

const numbers = (scalar: ScalarType): Value[] => {
  const unsigned = scalar === ScalarType.UINT32 || scalar === ScalarType.UINT64
  const wide = scalar === ScalarType.INT64 || scalar === ScalarType.UINT64
  const values = [...(unsigned ? [] : [-1, -2_147_483_648]), 0, 2_147_483_647, ...(wide ? ['9223372036854775807'] : [])]
  return [
    ...values.map((value) => ({ what: String(value), value })),
    { what: 'a fraction', value: 1.5, jsonOnly: true, refused: ['MALFORMED_MESSAGE'] },
    { what: 'beyond its width', value: wide ? '99999999999999999999' : 4_294_967_296, jsonOnly: true, refused: ['MALFORMED_MESSAGE'] },
    ...wrongType('number'),
  ]
}

const durations: readonly Value[] = [
  { what: 'negative', value: '-1s' },
  { what: 'huge', value: '315576000000s' },
  { what: 'no duration', value: 'forever', jsonOnly: true, refused: ['MALFORMED_MESSAGE'] },
]

const valuesOf = (field: DescField): readonly Value[] => {
  if (field.fieldKind === 'scalar') {
    if (field.scalar === ScalarType.STRING) {
      // An empty etag asks for nothing, so it would do what the others must not.
      const plain = field.name === 'etag' ? texts.filter(({ what }) => what !== 'empty') : texts
      return [...plain, ...(byName[field.name] ?? [])]
    }
    return field.scalar === ScalarType.BOOL ? wrongType('boolean') : numbers(field.scalar)
  }
  if (field.fieldKind === 'enum')
    return [
      { what: 'unknown number', value: 99 },
      { what: 'negative number', value: -1 },
      { what: 'unknown name', value: 'NO_SUCH_VALUE', jsonOnly: true, refused: ['MALFORMED_MESSAGE'] },
      { what: 'JSON object', value: { a: 1 }, jsonOnly: true, refused: ['MALFORMED_MESSAGE'] },
    ]
  if (field.fieldKind === 'message') {
    if (field.message.typeName === 'google.protobuf.FieldMask') return masks
    if (field.message.typeName === 'google.protobuf.Struct') return structs
    if (field.message.typeName === 'google.protobuf.Duration') return durations
    return wrongType('message')
  }
  return []
}

type Put = (value: JsonValue) => JsonObject

const made = (field: string, { value, ...rest }: Value, put: Put): Hostile => ({ field, ...rest, request: put(value) })

/** Every field of a message, and of the messages in it, each with its hostile values; all else as in `base`. */
export const hostileRequests = (message: DescMessage, base: JsonObject, path = '', put: Put = (value) => value as JsonObject): Hostile[] =>
  message.fields.flatMap((field): Hostile[] => {
    const at = path === '' ? field.name : `${path}.${field.name}`
    // Of a choice one is made: the others are left out.
    const others = field.oneof?.fields.map(({ name }) => name) ?? []
    const rest = Object.fromEntries(Object.entries(base).filter(([name]) => !others.includes(name)))
    const here: Put = (value) => put({ ...rest, [field.name]: value })
    const given = base[field.name]
    if (field.fieldKind === 'list') {
      const items = Array.isArray(given) ? given : []
      const first = items[0] ?? null
      const many = Array.from({ length: 600 }, () => first)
      const lists: Hostile[] = [
        { field: at, what: 'no items', request: here([]) },
        ...wrongType('list').map((value) => made(at, value, here)),
        ...(first === null ? [] : [{ field: at, what: 'too many items', request: here(many) }]),
      ]
      const one: Put = (value) => here([value])
      if (field.listKind === 'message' && first !== null)
        return [...lists, ...hostileRequests(field.message, first as JsonObject, `${at}[0]`, one)]
      return field.listKind === 'scalar' ? [...lists, ...texts.map((value) => made(`${at}[0]`, value, one))] : lists
    }
    const own = valuesOf(field).map((value) => made(at, value, here))
    const inside = field.fieldKind === 'message' && !field.message.typeName.startsWith('google.') && given !== undefined
    return inside ? [...own, ...hostileRequests(field.message, given as JsonObject, at, here)] : own
  })
