import type { Statement } from '../../platform/postgres/statement.js'
import { WRITTEN_COLUMNS } from './rows.js'
import type { RecordKey, WrittenRow } from './rows.js'

export interface NewRecord extends RecordKey {
  /** Fields as JSON, and its bytes. */
  readonly json: string
  readonly bytes: number
  readonly owner: string
  readonly classification: number
}

/** Constraints of an insert of records, as callers see them. */
export const INSERT_CONSTRAINTS = {
  record_pkey: { reason: 'ALREADY_EXISTS', message: 'a record of that id exists' },
  record_collection: { reason: 'NOT_FOUND', message: 'collection not found' },
} as const

const insert = (
  version: string,
): string => `insert into @.record (tenant_id, collection_id, record_id, version, clear, bytes, owner, classification)
         values ($1, $2, $3, ${version}, $4, $5, $6, $7)
         returning tenant_id, collection_id, ${WRITTEN_COLUMNS}`

const AFTER_TOMBSTONE = `coalesce((select t.version from @.tombstone t where t.tenant_id = $1 and t.collection_id = $2
           and t.record_id = $3), 0) + 1`

/**
 * Inserts one record; under an id that was deleted it counts on from its tombstone. `made`: the platform has just made the id, which nothing had before.
 * One row in `values` is inserted or raises, so there is nothing to count.
 */
export const insertRecord = (record: NewRecord, made = false): Statement<WrittenRow> => ({
  name: made ? 'insert-made-record' : 'insert-record',
  text: made ? MADE : CHOSEN,
  values: [record.tenantId, record.collectionId, record.recordId, record.json, record.bytes, record.owner, record.classification],
  rows: 'any',
  writes: true,
  constraints: INSERT_CONSTRAINTS,
})

const MADE = insert('1')
const CHOSEN = insert(AFTER_TOMBSTONE)
