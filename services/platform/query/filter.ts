import { invalidFilter, tokenize } from './filter-tokens.js'
import type { Operator, Token } from './filter-tokens.js'
import { readValue } from './filter-value.js'

export { toSql } from './filter-sql.js'

/** What a list lets its filter speak of. */
export type FieldSpec =
  /** `encode` turns the text into what the column holds (undefined: malformed); `cast` is that column's SQL type, `text` by default. */
  | { type: 'string' | 'strings'; encode?: (text: string) => Value | undefined; cast?: 'text' | 'bytea' | 'uuid' }
  | { type: 'enum'; values: readonly string[] }
  | { type: 'integer' | 'number' | 'bool' | 'timestamp' }

export type Value = string | boolean | Uint8Array

/** A filter, read and checked against its fields. `all` is the empty one. */
export type Expr =
  | { kind: 'all' }
  | { kind: 'and' | 'or'; of: Expr[] }
  | { kind: 'not'; of: Expr }
  | { kind: 'compare'; field: string; operator: Operator; value: Value; spec: FieldSpec }
  | { kind: 'present'; field: string }

export interface FilterLimits {
  /** Characters. */
  length?: number
  /** Parentheses and negations within each other. */
  depth?: number
  /** Comparisons. */
  terms?: number
}

/**
 * Reads a filter: a subset of AIP-160.
 *
 *   filter = [ factor { "AND" factor } ]      factor = term { "OR" term }      (as AIP-160 has it, OR binds closer than AND)
 *   term = [ "NOT" | "-" ] ( "(" filter ")" | field operator value )           operator = "=" "!=" "<" "<=" ">" ">=" ":"
 *
 * `field:*` asks whether a field is set; `field:"x"` whether a string has x in it, or a list has the element x. Strings and lists of strings
 * without quotes are single words. A field that is not set is unequal to everything. Throws AppError INVALID_FILTER naming position and field.
 */
export const parseFilter = (text: string, fields: Readonly<Record<string, FieldSpec>>, limits: FilterLimits = {}): Expr => {
  const { length = 1024, depth: maxDepth = 16, terms: maxTerms = 50 } = limits
  if (text.length > length) throw invalidFilter(length, `longer than ${length} characters`)
  const tokens = tokenize(text)
  let next = 0
  let terms = 0
  const peek = (): Token => tokens[next]!
  const take = (): Token => tokens[next++]!

  const list = (kind: 'and' | 'or', item: (depth: number) => Expr, depth: number): Expr => {
    const of = [item(depth)]
    while (peek().kind === kind) {
      next += 1
      of.push(item(depth))
    }
    return of.length === 1 ? of[0]! : { kind, of }
  }
  const expression = (depth: number): Expr => list('and', factor, depth)
  const factor = (depth: number): Expr => list('or', term, depth)

  const term = (depth: number): Expr => {
    const token = take()
    if (depth > maxDepth) throw invalidFilter(token.at, `nested deeper than ${maxDepth}`)
    if (token.kind === 'not' || token.kind === 'minus') return { kind: 'not', of: term(depth + 1) }
    if (token.kind === 'open') {
      const inner = expression(depth + 1)
      const close = take()
      if (close.kind !== 'close') throw invalidFilter(close.at, 'expected )')
      return inner
    }
    if (token.kind !== 'word') throw invalidFilter(token.at, 'expected a field')
    return restriction(token)
  }

  const restriction = (name: Token & { kind: 'word' }): Expr => {
    if (!Object.hasOwn(fields, name.text)) throw invalidFilter(name.at, 'unknown field')
    const field = name.text
    const spec = fields[field]!
    if (++terms > maxTerms) throw invalidFilter(name.at, `more than ${maxTerms} comparisons`)
    const operator = take()
    if (operator.kind !== 'operator') throw invalidFilter(operator.at, 'expected an operator', field)
    const literal = take()
    if (literal.kind !== 'word' && literal.kind !== 'string') throw invalidFilter(literal.at, 'expected a value', field)
    if (operator.operator === ':' && literal.kind === 'word' && literal.text === '*') return { kind: 'present', field }
    if (!OPERATORS[spec.type].includes(operator.operator)) throw invalidFilter(operator.at, 'operator not allowed', field)
    const read = readValue(spec, literal.text, literal.kind === 'string')
    if ('problem' in read) throw invalidFilter(literal.at, read.problem, field)
    return { kind: 'compare', field, operator: operator.operator, value: read.value, spec }
  }

  if (peek().kind === 'end') return { kind: 'all' }
  const expr = expression(0)
  if (peek().kind !== 'end') throw invalidFilter(peek().at, 'expected AND, OR or the end')
  return expr
}

const ORDERED: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>=', ':']
const OPERATORS: Readonly<Record<FieldSpec['type'], readonly Operator[]>> = {
  string: ORDERED,
  integer: ORDERED,
  number: ORDERED,
  timestamp: ORDERED,
  bool: ['=', '!=', ':'],
  enum: ['=', '!=', ':'],
  strings: [':'],
}
