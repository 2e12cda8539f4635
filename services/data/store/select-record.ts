import type { Statement } from '../../platform/postgres/statement.js'
import { RECORD_COLUMNS } from './rows.js'
import type { RecordKey, RecordRow } from './rows.js'

/** The record, or no row. */
export const selectRecord = (key: RecordKey): Statement<RecordRow> => ({
  name: 'select-record',
  text: `select ${RECORD_COLUMNS} from @.record where tenant_id = $1 and collection_id = $2 and record_id = $3`,
  values: [key.tenantId, key.collectionId, key.recordId],
  rows: { min: 0, max: 1 },
})

/** Those of the records that are there. */
export const selectRecords = (tenantId: string, collectionId: string, recordIds: readonly string[]): Statement<RecordRow> => ({
  name: 'select-records',
  text: `select ${RECORD_COLUMNS} from @.record where tenant_id = $1 and collection_id = $2 and record_id = any ($3::text[])`,
  values: [tenantId, collectionId, recordIds],
  rows: 'any',
})

/** Locks those of the records that are there, in the order of their ids, so that two batches wait for each other in one order. */
export const lockRecords = (tenantId: string, collectionId: string, recordIds: readonly string[]): Statement => ({
  name: 'lock-records',
  text: `select record_id from @.record where tenant_id = $1 and collection_id = $2 and record_id = any ($3::text[])
         order by record_id for update`,
  values: [tenantId, collectionId, recordIds],
  rows: 'any',
})

/** The versions at which those of the records that were deleted went. */
export const selectTombstones = (
  tenantId: string,
  collectionId: string,
  recordIds: readonly string[],
): Statement<{ record_id: string; version: bigint }> => ({
  name: 'select-tombstones',
  text: 'select record_id, version from @.tombstone where tenant_id = $1 and collection_id = $2 and record_id = any ($3::text[])',
  values: [tenantId, collectionId, recordIds],
  rows: 'any',
})
