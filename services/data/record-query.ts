import { AppError, notFound } from '../platform/mesh/errors.js'
import type { Call } from '../platform/mesh/call.js'
import type { Database } from '../platform/postgres/database.js'
import { parseFilter } from '../platform/query/filter.js'
import { parseOrderBy } from '../platform/query/order.js'
import type { OrderTerm } from '../platform/query/order.js'
import type { Definition } from './definition.js'
import { listRecords } from './store/list-records.js'
import type { ListedRow, RecordList } from './store/list-records.js'
import { recordColumns } from './store/record-columns.js'
import { selectCollectionVersion } from './store/select-collection.js'
import type { Visible } from './visible.js'

/** Bytes of fields in one page: with its ids and times it stays below the 4 MiB that a message may have. */
export const PAGE_BYTES = 2_097_152

export type RecordQuery = Omit<RecordList, 'after' | 'limit' | 'bytes'>

const BY_ID: readonly OrderTerm[] = [{ field: 'record_id', descending: false }]

/** A filter and an order, read against a collection's fields (those that the decision masks can't be asked about), with what may be seen. */
export const recordQuery = (tenantId: string, definition: Definition, visible: Visible, filter: string, orderBy: string): RecordQuery => {
  // One field, as the contract has it: the position of a row must fit in a page token.
  if (orderBy.includes(',')) {
    const description = 'must name one field'
    throw new AppError('INVALID_ORDER', `order_by: ${description}`, { violations: [{ field: 'order_by', description }] })
  }
  const { specs, columns, order } = recordColumns(definition.fields.filter((field) => !visible.masked.has(field.name)))
  return {
    tenantId,
    collectionId: definition.collectionId,
    filter: parseFilter(filter, specs),
    columns,
    order: parseOrderBy(orderBy, Object.keys(specs), BY_ID, ['record_id']),
    orderColumns: order,
    owner: visible.owner,
    classification: visible.classification,
  }
}

export interface RecordPage {
  readonly rows: readonly ListedRow[]
  /** Position of the last row, when more follow. */
  readonly next: readonly unknown[] | undefined
}

/** Reads one page in a transaction of its own. NOT_FOUND when the collection is not there (any more), whatever a cached definition says. */
export const readPage = async (
  db: Database,
  call: Call,
  query: RecordQuery,
  after: readonly unknown[] | undefined,
  limit: number,
): Promise<RecordPage> => {
  const [versions, rows] = await db.run(
    call,
    selectCollectionVersion(query.tenantId, query.collectionId),
    listRecords({ ...query, after, limit, bytes: PAGE_BYTES }),
  )
  if (versions.length === 0) throw notFound('collection')
  const last = rows.at(-1)
  return { rows, next: last !== undefined && Number(last.found) > rows.length ? last.position : undefined }
}
