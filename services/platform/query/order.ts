import { AppError } from '../mesh/errors.js'
import type { Columns } from './filter-sql.js'

export interface OrderTerm {
  readonly field: string
  readonly descending: boolean
}

/**
 * Reads `order_by` (AIP-132): `name, create_time desc`. Empty: the fallback. `key` are the fields that make a row unique; those not named are
 * added at the end in the direction of the last term, so that an order is total and a page can go on from a row. Throws AppError INVALID_ORDER.
 */
export const parseOrderBy = (
  text: string,
  fields: readonly string[],
  fallback: readonly OrderTerm[],
  key: readonly string[],
): OrderTerm[] => {
  const terms: OrderTerm[] = text.trim() === '' ? [...fallback] : text.split(',').map((part, place) => readTerm(part, place, fields))
  const seen = new Set<string>()
  for (const [place, term] of terms.entries()) {
    if (seen.has(term.field)) throw invalidOrder(place, 'field named twice')
    seen.add(term.field)
  }
  const descending = terms.at(-1)?.descending ?? false
  return [...terms, ...key.filter((field) => !seen.has(field)).map((field) => ({ field, descending }))]
}

const readTerm = (part: string, place: number, fields: readonly string[]): OrderTerm => {
  const [field, direction, ...rest] = part.trim().split(/[ \t]+/)
  if (field === undefined || !fields.includes(field)) throw invalidOrder(place, 'unknown field')
  if (rest.length > 0 || (direction !== undefined && direction !== 'asc' && direction !== 'desc'))
    throw invalidOrder(place, 'expected asc or desc')
  return { field, descending: direction === 'desc' }
}

const invalidOrder = (place: number, problem: string): AppError => {
  const description = `term ${place + 1}: ${problem}`
  return new AppError('INVALID_ORDER', `order_by: ${description}`, { violations: [{ field: 'order_by', description }] })
}

/** How a list's fields stand in SQL. */
export interface OrderColumns {
  readonly columns: Columns
  /** SQL types of the fields, by name: `text` unless named. */
  readonly casts?: Readonly<Record<string, string>>
  /** Fields that may be not set: those rows come last in both directions. */
  readonly nullable?: readonly string[]
}

/** What follows `order by`. Parameters from `$<firstParam>` on. */
export const orderSql = (terms: readonly OrderTerm[], of: OrderColumns, firstParam: number): { text: string; values: unknown[] } => {
  const { values, column } = binder(of.columns, firstParam)
  const text = terms.map(
    (term) => `${column(term.field)}${term.descending ? ' desc' : ''}${isNullable(of, term.field) ? ' nulls last' : ''}`,
  )
  return { text: text.join(', '), values }
}

/** Whether a row stands after the one whose ordered fields are `cursor` (null: not set), for the next page of the same order. */
export const afterSql = (terms: readonly OrderTerm[], of: OrderColumns, cursor: readonly unknown[], firstParam: number) => {
  const { values, bind, column } = binder(of.columns, firstParam)
  const at = (i: number): string => `${bind(cursor[i])}::${of.casts?.[terms[i]!.field] ?? 'text'}`
  const sign = (term: OrderTerm): string => (term.descending ? '<' : '>')
  // One direction and no nulls: a row comparison, which an index answers.
  if (terms.every((term) => term.descending === terms[0]!.descending && !isNullable(of, term.field))) {
    const left = terms.map((term) => column(term.field))
    return { text: `((${left.join(', ')}) ${sign(terms[0]!)} (${terms.map((_, i) => at(i)).join(', ')}))`, values }
  }
  const branches: string[] = []
  const same: string[] = []
  for (const [i, term] of terms.entries()) {
    const sql = column(term.field)
    // Nothing comes after a field that is not set but rows that are alike in it.
    if ((cursor[i] ?? null) === null) {
      same.push(`${sql} is null`)
      continue
    }
    const value = at(i)
    const later = isNullable(of, term.field) ? `(${sql} ${sign(term)} ${value} or ${sql} is null)` : `${sql} ${sign(term)} ${value}`
    branches.push(`(${[...same, later].join(' and ')})`)
    same.push(`${sql} = ${value}`)
  }
  return { text: branches.length === 0 ? '(false)' : `(${branches.join(' or ')})`, values }
}

const isNullable = (of: OrderColumns, field: string): boolean => of.nullable?.includes(field) ?? false

const binder = (columns: Columns, firstParam: number) => {
  const values: unknown[] = []
  const bind = (value: unknown): string => `$${firstParam + values.push(value) - 1}`
  const column = (field: string): string => {
    const sql = Object.hasOwn(columns, field) ? columns[field]! : undefined
    if (sql === undefined) throw new Error(`no column to order by for ${field}`)
    return typeof sql === 'string' ? sql : sql(bind)
  }
  return { values, bind, column }
}
