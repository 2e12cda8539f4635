import { describe, expect, it } from '@jest/globals'
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { AppError } from '../platform/mesh/errors.js'
import { MAX_RECORD_BYTES, checkFields, checkUpdate } from './check-fields.js'
import { MAX_VALUE_BYTES, brokenRule } from './check-value.js'
import type { Definition, FieldDefinition, FieldType } from './definition.js'
import { violations } from './violations.js'

const field = (name: string, type: FieldType, more: Partial<FieldDefinition> = {}): FieldDefinition => ({
  name,
  type,
  required: false,
  classification: 2,
  ...more,
})
const definition = (...fields: FieldDefinition[]): Definition => ({
  collectionId: 'col_x',
  version: 1n,
  fields,
  byName: new Map(fields.map((one) => [one.name, one])),
})
const customers = definition(
  field('name', 'string', { required: true }),
  field('total', 'number'),
  field('active', 'boolean', { classification: 1 }),
  field('since', 'timestamp'),
  field('notes', 'json', { classification: 4 }),
)
const refused = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return { reason: error.reason, violations: error.violations, text: error.message }
    throw error
  }
  throw new Error('was not refused')
}
const problems = (fields: JsonObject) => refused(() => checkFields(customers, fields)).violations

describe('checkFields()', () => {
  it('takes a value of each type as it is', () => {
    const fields = { name: 'Luís 🦉', total: 1.5e-300, active: false, since: '2024-02-29T23:59:59.123456789+14:00', notes: [{ a: null }] }
    expect(checkFields(customers, fields)).toMatchObject({
      fields,
      classification: 4,
      changed: ['name', 'total', 'active', 'since', 'notes'],
    })
  })

  it('takes null for a field that is not set, and asks for the required ones', () => {
    expect(checkFields(customers, { name: 'x', total: null }).fields).toEqual({ name: 'x' })
    expect(problems({ name: null })).toEqual([{ field: 'fields.name', description: 'is required' }])
    expect(problems({})).toEqual([{ field: 'fields.name', description: 'is required' }])
  })

  it('gives the highest classification of the fields that are set', () => {
    expect(checkFields(customers, { name: 'x', active: true }).classification).toBe(2)
    expect(checkFields(definition(field('active', 'boolean', { classification: 1 })), {}).classification).toBe(1)
  })

  it.each<[string, JsonObject, string]>([
    ['unknown field', { name: 'x', nome: 'y' }, 'fields.nome'],
    ['number for a string', { name: 7 }, 'fields.name'],
    ['string for a number', { name: 'x', total: '7' }, 'fields.total'],
    ['NaN', { name: 'x', total: NaN }, 'fields.total'],
    ['infinity', { name: 'x', total: Infinity }, 'fields.total'],
    ['text for a boolean', { name: 'x', active: 'true' }, 'fields.active'],
    ['NUL', { name: 'a\0b' }, 'fields.name'],
    ['an unpaired surrogate', { name: 'a\ud800b' }, 'fields.name'],
    ['too long a string', { name: 'é'.repeat(MAX_VALUE_BYTES / 2 + 1) }, 'fields.name'],
    ['no leap day', { name: 'x', since: '2023-02-29T00:00:00Z' }, 'fields.since'],
    ['no zone', { name: 'x', since: '2023-02-28T00:00:00' }, 'fields.since'],
    ['year 0', { name: 'x', since: '0000-02-28T00:00:00Z' }, 'fields.since'],
    ['NUL inside JSON', { name: 'x', notes: { a: ['\0'] } }, 'fields.notes'],
    ['NUL in a key of JSON', { name: 'x', notes: { '\0': 1 } }, 'fields.notes'],
    ['a surrogate in a key of JSON', { name: 'x', notes: { '\udc00': 1 } }, 'fields.notes'],
    ['NaN inside JSON', { name: 'x', notes: [NaN] }, 'fields.notes'],
    ['a key __proto__', { name: 'x', notes: JSON.parse('{"__proto__": {"admin": true}}') as JsonValue }, 'fields.notes'],
    ['a changed prototype', { name: 'x', notes: { __proto__: { admin: true } } as unknown as JsonValue }, 'fields.notes'],
    ['too deep JSON', { name: 'x', notes: JSON.parse('['.repeat(40) + ']'.repeat(40)) as JsonValue }, 'fields.notes'],
    ['too large JSON', { name: 'x', notes: ['y'.repeat(MAX_VALUE_BYTES)] }, 'fields.notes'],
  ])('refuses %s, naming the field and not the value', (_, fields, path) => {
    const answer = refused(() => checkFields(customers, fields))
    expect(answer.reason).toBe('INVALID_FIELD')
    expect(answer.violations.map((one) => one.field)).toEqual([path])
    expect(answer.violations[0]!.description).toMatch(/^(is|must|has) /)
  })

  it('does not repeat a name that could not be a field', () => {
    for (const name of ['constructor()', "x'; drop table record; --", 'a\nb', '../../etc', 'X'.repeat(1000), 'ñ'])
      expect(JSON.stringify(problems({ name: 'x', [name]: 1 }))).not.toContain(JSON.stringify(name).slice(1, -1))
  })

  it('keeps names of JavaScript apart from fields', () => {
    expect(problems({ name: 'x', constructor: 'y' })).toEqual([
      { field: 'fields.constructor', description: 'is not a field of the collection' },
    ])
    const odd = definition(field('constructor', 'string', { required: true }))
    expect(refused(() => checkFields(odd, {})).violations).toEqual([{ field: 'fields.constructor', description: 'is required' }])
  })

  it('names at most 20 things', () => {
    expect(problems(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, 1])))).toHaveLength(20)
  })

  it('limits a record in all', () => {
    const wide = definition(...['a', 'b', 'c', 'd', 'e'].map((name) => field(name, 'string')))
    const fields = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, 'x'.repeat(MAX_RECORD_BYTES / 4 - 100)]))
    expect(refused(() => checkFields(wide, fields)).violations).toEqual([
      { field: 'fields', description: `must be at most ${MAX_RECORD_BYTES} bytes in all` },
    ])
  })

  it('never takes a string that Postgres could not hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const broken = text.includes('\0') || !Buffer.from(text).equals(Buffer.from(text, 'utf8')) || Buffer.from(text).toString() !== text
        expect(brokenRule('string', text) !== undefined).toBe(broken)
      }),
    )
  })
})

describe('checkUpdate()', () => {
  const stored = { name: 'x', total: 1, notes: { b: 1, a: 2 } }
  const update = (input: JsonObject, mask: string[]) => {
    const found = violations()
    const checked = checkUpdate(customers, stored, input, mask, 'fields', found)
    found.end()
    return checked
  }

  it('changes what the mask names, and nothing else', () => {
    expect(update({ total: 2, name: 'not named' }, ['fields.total'])).toMatchObject({ fields: { ...stored, total: 2 }, changed: ['total'] })
  })

  it('clears a field that the mask names and the request has not', () => {
    expect(update({}, ['fields.total', 'fields.notes'])).toMatchObject({
      fields: { name: 'x' },
      changed: ['total', 'notes'],
      classification: 2,
    })
  })

  it('replaces all fields', () => {
    expect(update({ name: 'y' }, ['fields'])).toMatchObject({ fields: { name: 'y' }, changed: ['name', 'total', 'notes'] })
  })

  it('calls a field changed only if its value is another', () => {
    expect(update({ name: 'x', notes: { a: 2, b: 1 } }, ['fields.name', 'fields.notes']).changed).toEqual([])
    expect(update(stored, ['fields']).changed).toEqual([])
  })

  it.each([
    [[], 'update_mask'],
    [['owner'], 'update_mask'],
    [['fields.'], 'fields'],
    [['fields.nome'], 'fields.nome'],
    [['fields.notes.a'], 'fields'],
    [['fields', 'fields.name'], 'update_mask'],
    [['fields.name'], 'fields.name'],
  ])('refuses the mask %j', (mask, path) => {
    expect(refused(() => update({}, mask)).violations[0]!.field).toBe(path)
  })

  it('closes a record that has a field of a definition not read yet', () => {
    const found = violations()
    expect(checkUpdate(customers, { name: 'x', added: 'secret' }, { total: 1 }, ['fields.total'], 'fields', found).classification).toBe(4)
  })
})
