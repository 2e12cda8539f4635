import { describe, expect, it } from '@jest/globals'
import type { AppError } from '../mesh/errors.js'
import { afterSql, orderSql, parseOrderBy } from './order.js'

const FIELDS = ['name', 'age']
const OF = { columns: { name: 'r.name', age: 'r.age', id: 'r.id' }, casts: { age: 'bigint' } }
const parse = (text: string) => parseOrderBy(text, FIELDS, [{ field: 'id', descending: true }], ['id'])

describe('parseOrderBy()', () => {
  it('makes every order total with the key', () => {
    expect(parse('')).toEqual([{ field: 'id', descending: true }])
    expect(parse('name, age desc')).toEqual([
      { field: 'name', descending: false },
      { field: 'age', descending: true },
      { field: 'id', descending: true },
    ])
  })

  it.each(['nosuch', 'name sideways', 'name asc desc', 'name, name', 'name;drop', ',', '__proto__'])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ reason: 'INVALID_ORDER' }) as unknown as AppError)
  })
})

describe('afterSql()', () => {
  it('is a row comparison where one index answers it', () => {
    expect(afterSql(parse('age'), OF, ['7', 'rec_a'], 3)).toEqual({
      text: '((r.age, r.id) > ($3::bigint, $4::text))',
      values: ['7', 'rec_a'],
    })
    expect(orderSql(parse('age desc'), OF, 1).text).toBe('r.age desc, r.id desc')
  })

  it('goes on after a row in mixed directions', () => {
    const terms = parse('name, age desc')
    expect(afterSql(terms, OF, ['a', '7', 'rec_a'], 1)).toEqual({
      text: '((r.name > $1::text) or (r.name = $1::text and r.age < $2::bigint) or (r.name = $1::text and r.age = $2::bigint and r.id < $3::text))',
      values: ['a', '7', 'rec_a'],
    })
  })

  it('puts rows whose field is not set last, and goes on among them', () => {
    const of = { ...OF, nullable: ['age'] }
    const terms = parse('age desc')
    expect(orderSql(terms, of, 1).text).toBe('r.age desc nulls last, r.id desc')
    expect(afterSql(terms, of, ['7', 'rec_a'], 1).text).toBe(
      '(((r.age < $1::bigint or r.age is null)) or (r.age = $1::bigint and r.id < $2::text))',
    )
    expect(afterSql(terms, of, [null, 'rec_a'], 1)).toEqual({ text: '((r.age is null and r.id < $1::text))', values: ['rec_a'] })
  })
})
