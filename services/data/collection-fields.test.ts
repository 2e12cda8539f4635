import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import { Classification, FieldSchema, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { AppError } from '../platform/mesh/errors.js'
import { changedFields, changedNames, newFields } from './collection-fields.js'

const field = (name: string, type = FieldType.STRING, required = false, classification = Classification.INTERNAL) =>
  create(FieldSchema, { name, type, required, classification })
const stored = newFields([field('a', FieldType.STRING, true), field('b', FieldType.NUMBER)])
const refusal = (work: () => unknown): [string, string] => {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return [error.reason, error.violations[0]!.field]
  }
  throw new Error('was not refused')
}

describe('newFields()', () => {
  it('takes a field without a classification as internal', () => {
    expect(newFields([field('a', FieldType.JSON, false, Classification.UNSPECIFIED)])).toEqual([
      { name: 'a', type: 'json', required: false, classification: 2 },
    ])
  })

  it('refuses a name that is there twice', () => {
    expect(refusal(() => newFields([field('a'), field('b'), field('a')]))).toEqual(['INVALID_FIELD', 'fields[2].name'])
  })
})

describe('changedFields()', () => {
  it('adds optional fields and makes required ones optional', () => {
    const after = changedFields(stored, [field('a'), field('b', FieldType.NUMBER), field('c')])
    expect(after.map(({ name, required }) => [name, required])).toEqual([
      ['a', false],
      ['b', false],
      ['c', false],
    ])
    expect(changedNames(stored, after)).toEqual(['fields.a', 'fields.c'])
  })

  it.each([
    ['another type', [field('a', FieldType.JSON, true), field('b', FieldType.NUMBER)], ['IMMUTABLE', 'fields[0].type']],
    [
      'another classification',
      [field('a', FieldType.STRING, true, Classification.PUBLIC), field('b', FieldType.NUMBER)],
      ['IMMUTABLE', 'fields[0].classification'],
    ],
    ['a field that became required', [field('a'), field('b', FieldType.NUMBER, true)], ['IMMUTABLE', 'fields[1].required']],
    ['a field left out', [field('a', FieldType.STRING, true)], ['IMMUTABLE', 'fields']],
    [
      'a new field that is required',
      [field('a'), field('b', FieldType.NUMBER), field('c', FieldType.STRING, true)],
      ['INVALID_FIELD', 'fields[2].required'],
    ],
  ])('refuses %s', (_, fields, expected) => {
    expect(refusal(() => changedFields(stored, fields))).toEqual(expected)
  })
})
