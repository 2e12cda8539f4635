import { createHash } from 'node:crypto'
import type { Expr, FieldSpec } from '../../platform/query/filter.js'
import { toSql } from '../../platform/query/filter.js'
import type { Statement } from '../../platform/postgres/statement.js'

export interface LeafRow {
  readonly leaf_index: string
  readonly append_time: Date
  readonly envelope: Buffer
}

const hex16 = (text: string): Uint8Array | undefined => (/^[0-9a-f]{32}$/.test(text) ? Buffer.from(text, 'hex') : undefined)

/** What a filter of ListEvents may speak of. */
export const LEAF_FIELDS: Readonly<Record<string, FieldSpec>> = {
  time: { type: 'timestamp' },
  type: { type: 'string' },
  actor: { type: 'string' },
  action: { type: 'string' },
  resource: { type: 'string' },
  outcome: { type: 'enum', values: ['ok', 'denied', 'failed'] },
  method: { type: 'string' },
  decision_id: { type: 'string', encode: hex16, cast: 'bytea' },
  trace_id: { type: 'string' },
  index: { type: 'integer' },
}
const COLUMNS = { ...Object.fromEntries(Object.keys(LEAF_FIELDS).map((field) => [field, field])), index: 'leaf_index' }

export interface LeafPage {
  readonly tenantId: string
  readonly filter: Expr
  readonly descending: boolean
  /** The index of the last leaf of the page before. */
  readonly after?: bigint
  readonly size: number
  /** Envelopes on the page have at most so many bytes, the first one apart. */
  readonly bytes: number
}

/** A page of a tenant's log. `more`: leaves follow. */
export const listLeaves = ({ tenantId, filter, descending, after, size, bytes }: LeafPage): Statement<LeafRow & { more: boolean }> => {
  const where = toSql(filter, COLUMNS, 5)
  const order = `leaf_index ${descending ? 'desc' : 'asc'}`
  const text = `select leaf_index::text as leaf_index, append_time, envelope, found > count(*) over () as more
    from (select leaf_index, append_time, envelope, count(*) over () as found, row_number() over (order by ${order}) as place,
                 sum(octet_length(envelope)) over (order by ${order}) - octet_length(envelope) as before
          from (select leaf_index, append_time, envelope from @.leaf
                where tenant_id = $1 and ($2::bigint is null or leaf_index ${descending ? '<' : '>'} $2) and ${where.text}
                order by ${order} limit $3 + 1) found) page
    where before < $4 and place <= $3
    order by page.${order}`
  return {
    // One name for one text: filters differ.
    name: `list-leaves-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`,
    text,
    values: [tenantId, after?.toString() ?? null, size, bytes, ...where.values],
  }
}

/** One leaf, by its entry's id. */
export const readLeaf = (tenantId: string, entryId: string): Statement<LeafRow> => ({
  name: 'read-leaf',
  text: 'select leaf_index::text as leaf_index, append_time, envelope from @.leaf where tenant_id = $1 and entry_id = $2',
  values: [tenantId, entryId],
  rows: 1,
  onRows: { reason: 'NOT_FOUND', message: 'event not found' },
})
