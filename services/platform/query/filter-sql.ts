import type { Operator } from './filter-tokens.js'
import type { Expr, FieldSpec } from './filter.js'

/** The SQL expression of a field: text of ours, or made with bind parameters where a name comes from elsewhere. Never a caller's text. */
export type Column = string | ((bind: (value: unknown) => string) => string)
export type Columns = Readonly<Record<string, Column>>

/**
 * A filter as a boolean SQL expression in parentheses. Values are bind parameters, from `$<firstParam>` on. Two-valued: a field that is not set
 * is unequal to everything, and a negation is true of it.
 */
export const toSql = (expr: Expr, columns: Columns, firstParam: number): { text: string; values: unknown[] } => {
  const values: unknown[] = []
  const bind = (value: unknown): string => `$${firstParam + values.push(value) - 1}`
  const column = (field: string): string => {
    const sql = Object.hasOwn(columns, field) ? columns[field]! : undefined
    if (sql === undefined) throw new Error(`no column for the filter's field ${field}`)
    return typeof sql === 'string' ? sql : sql(bind)
  }
  const write = (node: Expr): string => {
    switch (node.kind) {
      case 'all':
        return '(true)'
      case 'and':
      case 'or':
        return `(${node.of.map(write).join(` ${node.kind} `)})`
      case 'not':
        return `(${write(node.of)} is not true)`
      case 'present':
        return `(${column(node.field)} is not null)`
      case 'compare': {
        const left = column(node.field)
        return compare(left, node.operator, `${bind(node.value)}::${castOf(node.spec)}`, node.spec)
      }
    }
  }
  return { text: write(expr), values }
}

const compare = (left: string, operator: Operator, right: string, spec: FieldSpec): string => {
  if (operator === '!=') return `(${left} is distinct from ${right})`
  if (operator !== ':') return `(${left} ${operator} ${right})`
  if (spec.type === 'strings') return `(${right} = any (${left}))`
  if (spec.type === 'string' && castOf(spec) === 'text') return `(strpos(${left}, ${right}) > 0)`
  return `(${left} = ${right})`
}

const castOf = (spec: FieldSpec): string => {
  switch (spec.type) {
    case 'string':
    case 'strings':
      return spec.cast ?? 'text'
    case 'enum':
      return 'text'
    case 'integer':
      return 'bigint'
    case 'number':
      return 'numeric'
    case 'bool':
      return 'boolean'
    case 'timestamp':
      return 'timestamptz'
  }
}
