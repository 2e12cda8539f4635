import type { Statement } from '../../platform/postgres/statement.js'
import { toSql } from '../../platform/query/filter.js'
import type { Expr } from '../../platform/query/filter.js'
import { afterSql, orderSql } from '../../platform/query/order.js'
import type { OrderColumns, OrderTerm } from '../../platform/query/order.js'
import type { Columns } from '../../platform/query/filter-sql.js'
import { parameters } from './parameters.js'
import { RECORD_COLUMNS } from './rows.js'
import type { RecordRow } from './rows.js'
import { shapeName } from './shape-name.js'

export interface RecordList {
  readonly tenantId: string
  readonly collectionId: string
  readonly filter: Expr
  readonly columns: Columns
  readonly order: readonly OrderTerm[]
  readonly orderColumns: OrderColumns
  /** The ordered fields of the last row of the page before. */
  readonly after: readonly unknown[] | undefined
  /** What the decision lets be seen: rows of this owner only (empty: any), up to this classification. */
  readonly owner: string
  readonly classification: number
  readonly limit: number
  /** Bytes of fields that one page may have; its first row always fits. */
  readonly bytes: number
}

/** A row with the position it stands at, and how many rows there were up to the limit and one more: more than came back means a next page. */
export type ListedRow = RecordRow & { found: bigint; position: (string | null)[] }

/**
 * A page of records: those after a position, cut where their bytes reach the limit. Sizes are summed from a column of their own, so that
 * what is cut off was never read from its pages of storage.
 */
export const listRecords = (list: RecordList): Statement<ListedRow> => {
  const bound = parameters(list.tenantId, list.collectionId, list.limit, list.bytes)
  const where = ['tenant_id = $1', 'collection_id = $2', `classification <= ${bound.bind(list.classification)}::smallint`]
  if (list.owner !== '') where.push(`owner = ${bound.bind(list.owner)}`)
  if (list.filter.kind !== 'all') where.push(bound.add((first) => toSql(list.filter, list.columns, first)))
  if (list.after !== undefined) where.push(bound.add((first) => afterSql(list.order, list.orderColumns, list.after!, first)))
  const order = bound.add((first) => orderSql(list.order, list.orderColumns, first))
  const position = list.order.map((term) => positionOf(list.orderColumns, term.field))
  const text = `select ${RECORD_COLUMNS}, found, position from (
      select *, count(*) over () as found, sum(bytes) over (order by place rows unbounded preceding) as running from (
        select ${RECORD_COLUMNS}, bytes, array[${position.join(', ')}]::text[] as position, row_number() over (order by ${order}) as place
        from @.record where ${where.join(' and ')} order by ${order} limit $3 + 1) found_rows) summed
    where place <= $3 and (running <= $4 or place = 1) order by place`
  return { name: shapeName('list-records', text), text, values: bound.values, rows: 'any' }
}

const positionOf = (of: OrderColumns, field: string): string => {
  const column = of.columns[field]
  if (typeof column !== 'string') throw new Error(`the order's field ${field} is no plain column`)
  return `(${column})::text`
}
