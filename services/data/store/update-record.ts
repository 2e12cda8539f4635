import type { Statement } from '../../platform/postgres/statement.js'
import type { BatchRecord } from './insert-records.js'
import { WRITTEN_COLUMNS } from './rows.js'
import type { RecordKey, WrittenRow } from './rows.js'

const CHANGED_MEANWHILE = { reason: 'CONFLICT', message: 'the record changed meanwhile' } as const

export interface RecordChange extends BatchRecord {
  /** The version that the decision saw. */
  readonly version: bigint
}

/** Changes one record if it is still at the version that the decision saw; otherwise CONFLICT. */
export const updateRecord = (key: RecordKey, change: RecordChange): Statement<WrittenRow> => ({
  name: 'update-record',
  text: `update @.record set version = version + 1, clear = $5, bytes = $6, classification = $7, update_time = now()
         where tenant_id = $1 and collection_id = $2 and record_id = $3 and version = $4
         returning tenant_id, collection_id, ${WRITTEN_COLUMNS}`,
  values: [key.tenantId, key.collectionId, key.recordId, change.version, change.json, change.bytes, change.classification],
  rows: 1,
  onRows: CHANGED_MEANWHILE,
  writes: true,
})

/** Changes records, each id once, all of which are still at the versions that the decisions saw; otherwise CONFLICT and none. */
export const updateRecords = (tenantId: string, collectionId: string, changes: readonly RecordChange[]): Statement<WrittenRow> => ({
  name: 'update-records',
  text: `update @.record r set version = r.version + 1, clear = n.clear::jsonb, bytes = n.bytes, classification = n.classification,
           update_time = now()
         from unnest($3::text[], $4::bigint[], $5::text[], $6::integer[], $7::smallint[]) as n (id, seen, clear, bytes, classification)
         where r.tenant_id = $1 and r.collection_id = $2 and r.record_id = n.id and r.version = n.seen
         returning r.tenant_id, r.collection_id, ${WRITTEN_COLUMNS.replace(/\w+/g, 'r.$&')}`,
  values: [
    tenantId,
    collectionId,
    changes.map((change) => change.recordId),
    changes.map((change) => change.version),
    changes.map((change) => change.json),
    changes.map((change) => change.bytes),
    changes.map((change) => change.classification),
  ],
  rows: changes.length,
  onRows: CHANGED_MEANWHILE,
  writes: true,
})
