import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { AppError } from '../mesh/errors.js'
import { toSql } from './filter-sql.js'
import { parseFilter } from './filter.js'
import type { Expr, FieldSpec } from './filter.js'

const FIELDS: Record<string, FieldSpec> = {
  name: { type: 'string' },
  'fields.city': { type: 'string' },
  age: { type: 'integer' },
  score: { type: 'number' },
  active: { type: 'bool' },
  time: { type: 'timestamp' },
  outcome: { type: 'enum', values: ['ok', 'denied'] },
  tags: { type: 'strings' },
  digest: { type: 'string', cast: 'bytea', encode: (text) => (/^[0-9a-f]{4}$/.test(text) ? Buffer.from(text, 'hex') : undefined) },
}
const COLUMNS = {
  name: 'r.name',
  'fields.city': (bind: (value: unknown) => string) => `(r.clear ->> ${bind('city')}::text)`,
  age: 'age',
  score: 'score',
  active: 'active',
  time: 'time',
  outcome: 'outcome',
  tags: 'tags',
  digest: 'digest',
}
const sql = (text: string, first = 1) => toSql(parseFilter(text, FIELDS), COLUMNS, first)
const problem = (text: string): string => {
  try {
    parseFilter(text, FIELDS)
  } catch (error) {
    if (error instanceof AppError && error.reason === 'INVALID_FILTER') return error.violations[0]!.description
    throw error
  }
  return 'accepted'
}

describe('parseFilter()', () => {
  it('reads comparisons into SQL with bind parameters only', () => {
    expect(sql(`name = "O'Brien; drop table x"`)).toEqual({ text: '(r.name = $1::text)', values: ["O'Brien; drop table x"] })
    expect(sql('age >= -3', 4)).toEqual({ text: '(age >= $4::bigint)', values: ['-3'] })
    expect(sql('active=true')).toEqual({ text: '(active = $1::boolean)', values: [true] })
    expect(sql('score < 1.5e3').values).toEqual(['1.5e3'])
    expect(sql('time > 2026-02-28T23:59:59.25+01:00').values).toEqual(['2026-02-28T23:59:59.25+01:00'])
    expect(sql('digest = "00ff"')).toEqual({ text: '(digest = $1::bytea)', values: [Buffer.from([0, 255])] })
    expect(sql("fields.city = 'Bern'")).toEqual({ text: '((r.clear ->> $1::text) = $2::text)', values: ['city', 'Bern'] })
  })

  it('binds OR closer than AND, as AIP-160 does', () => {
    expect(sql('age = 1 AND age = 2 OR age = 3').text).toBe('((age = $1::bigint) and ((age = $2::bigint) or (age = $3::bigint)))')
    expect(sql('(age = 1 AND age = 2) OR age = 3').text).toBe('(((age = $1::bigint) and (age = $2::bigint)) or (age = $3::bigint))')
  })

  it('negates so that a field that is not set counts as unequal', () => {
    expect(sql('NOT age = 1').text).toBe('((age = $1::bigint) is not true)')
    expect(sql('-age = 1').text).toBe('((age = $1::bigint) is not true)')
    expect(sql('age != 1').text).toBe('(age is distinct from $1::bigint)')
  })

  it('reads the has operator by type', () => {
    expect(sql('name:*').text).toBe('(r.name is not null)')
    expect(sql('name:"a"').text).toBe('(strpos(r.name, $1::text) > 0)')
    expect(sql('tags:red').text).toBe('($1::text = any (tags))')
    expect(sql('age:3').text).toBe('(age = $1::bigint)')
  })

  it('takes the empty filter for all', () => expect(sql('  ').text).toBe('(true)'))

  it.each([
    ['nosuch = 1', 'at position 0: unknown field'],
    ['__proto__ = 1', 'at position 0: unknown field'],
    ['constructor = 1', 'at position 0: unknown field'],
    ['age = ', 'at position 6, age: expected a value'],
    ['age 1', 'at position 4, age: expected an operator'],
    ['age = x', 'at position 6, age: value must be an integer of 64 bits'],
    ['age = 9223372036854775808', 'at position 6, age: value must be an integer of 64 bits'],
    ['score = 1e999', 'at position 8, score: value must be a number'],
    ['active = "true"', 'at position 9, active: value must be true or false'],
    ['active > true', 'at position 7, active: operator not allowed'],
    ['tags = red', 'at position 5, tags: operator not allowed'],
    ['outcome = maybe', 'at position 10, outcome: value must be one of ok, denied'],
    ['time > 2026-02-30T00:00:00Z', 'at position 7, time: value must be an RFC 3339 timestamp'],
    ['time > 0000-01-01T00:00:00Z', 'at position 7, time: value must be an RFC 3339 timestamp'],
    ['digest = zz', 'at position 9, digest: malformed value'],
    ['name = "a', 'at position 7: string without end'],
    ['name = "a\0"', 'at position 9: character not allowed'],
    ['name = "\ud800"', 'at position 8: character not allowed'],
    ['(age = 1', 'at position 8: expected )'],
    ['age = 1)', 'at position 7: expected AND, OR or the end'],
    ['age = 1 age = 2', 'at position 8: expected AND, OR or the end'],
    ['AND', 'at position 0: expected a field'],
    ['= 1', 'at position 0: expected a field'],
    ['"name" = 1', 'at position 0: expected a field'],
    [`${'('.repeat(17)}age = 1${')'.repeat(17)}`, 'at position 17: nested deeper than 16'],
    [Array(51).fill('age=1').join(' OR '), 'at position 450: more than 50 comparisons'],
    ['x'.repeat(1025), 'at position 1024: longer than 1024 characters'],
  ])('refuses %j', (text, description) => {
    expect(problem(text)).toBe(description)
  })

  it('never throws anything but INVALID_FILTER, whatever the text', () => {
    const scraps = fc.constantFrom(
      'name',
      'age',
      '=',
      ':',
      '*',
      '(',
      ')',
      '"',
      "'",
      '\\',
      'AND',
      'OR',
      'NOT',
      '-',
      ' ',
      '1',
      '<=',
      '!',
      '2026-01-01T00:00:00Z',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(scraps).map((parts) => parts.join('')),
        ),
        (text) => void problem(text),
      ),
    )
  })

  it('reads back what was written, with every value as a parameter', () => {
    fc.assert(
      fc.property(exprs, (expr) => {
        const text = print(expr)
        const parsed = parseFilter(text, FIELDS, { length: 100_000, depth: 100, terms: 1_000 })
        const written = toSql(parsed, COLUMNS, 1)
        expect(written).toEqual(toSql(expr, COLUMNS, 1))
        expect(written.text).not.toMatch(/['";\\]/)
      }),
    )
  })
})

const compares: fc.Arbitrary<Expr> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant('name'),
    operator: fc.constantFrom('=' as const, '!=' as const, '<' as const, ':' as const),
    value: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    spec: fc.constant(FIELDS['name']!),
  }),
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant('age'),
    operator: fc.constantFrom('=' as const, '>=' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    spec: fc.constant(FIELDS['age']!),
  }),
  fc.constant<Expr>({ kind: 'present', field: 'fields.city' }),
)
const { exprs } = fc.letrec<{ exprs: Expr }>((tie) => ({
  exprs: fc.oneof(
    { maxDepth: 4 },
    compares,
    fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), of: fc.array(tie('exprs'), { minLength: 2, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not' as const), of: tie('exprs') }),
  ),
}))

const print = (expr: Expr): string => {
  switch (expr.kind) {
    case 'all':
      return ''
    case 'and':
    case 'or':
      return `(${expr.of.map(print).join(` ${expr.kind.toUpperCase()} `)})`
    case 'not':
      return `NOT ${print(expr.of)}`
    case 'present':
      return `${expr.field}:*`
    case 'compare':
      return `${expr.field} ${expr.operator} ${expr.field === 'name' ? `"${String(expr.value).replace(/["\\]/g, '\\$&')}"` : String(expr.value)}`
  }
}
