import type { Columns } from '../../platform/query/filter-sql.js'
import type { OrderColumns } from '../../platform/query/order.js'
import type { FieldSpec } from '../../platform/query/filter.js'
import type { FieldDefinition, FieldType } from '../definition.js'

/** Strings are ordered by this many of their first characters, then by record id: a page token has no room for more. */
export const ORDERED_CHARACTERS = 200

const CASTS: Readonly<Record<Exclude<FieldType, 'json'>, string>> = {
  string: 'text',
  number: 'numeric',
  boolean: 'boolean',
  timestamp: 'timestamptz',
}
const SPECS: Readonly<Record<Exclude<FieldType, 'json'>, FieldSpec>> = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'bool' },
  timestamp: { type: 'timestamp' },
}

/** What a list of records may filter and order by, and how that stands in SQL. */
export interface RecordColumns {
  readonly specs: Readonly<Record<string, FieldSpec>>
  readonly columns: Columns
  readonly order: OrderColumns
}

/**
 * The record's own columns, and `fields.<name>` of each field that has an order (all but JSON). The collection id is `$2` in the list's
 * statement. Names are those of the collection's definition, which its pattern keeps free of anything but letters, digits and `_`.
 */
export const recordColumns = (fields: readonly FieldDefinition[]): RecordColumns => {
  const specs: Record<string, FieldSpec> = {
    record_id: { type: 'string' },
    owner: { type: 'string' },
    create_time: { type: 'timestamp' },
    update_time: { type: 'timestamp' },
  }
  const columns: Record<string, string> = { record_id: 'record_id', owner: 'owner', create_time: 'create_time', update_time: 'update_time' }
  const ordered: Record<string, string> = { ...columns }
  const casts: Record<string, string> = { create_time: 'timestamptz', update_time: 'timestamptz' }
  const nullable: string[] = []
  for (const { name, type } of fields) {
    if (type === 'json' || !/^[a-z][a-z0-9_]{0,62}$/.test(name)) continue
    const field = `fields.${name}`
    specs[field] = SPECS[type]
    // `case` keeps a cast from being tried on a row of another collection, where the name may stand for another type.
    columns[field] = `(case when collection_id = $2 then (clear->>'${name}')::${CASTS[type]} end)`
    ordered[field] = type === 'string' ? `left(clear->>'${name}', ${ORDERED_CHARACTERS})` : columns[field]
    casts[field] = CASTS[type]
    nullable.push(field)
  }
  return { specs, columns, order: { columns: ordered, casts, nullable } }
}
