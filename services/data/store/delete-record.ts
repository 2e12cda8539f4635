import type { Statement } from '../../platform/postgres/statement.js'
import type { RecordKey } from './rows.js'

export interface Gone {
  readonly recordId: string
  /** The version that the decision saw. */
  readonly version: bigint
}

const CHANGED_MEANWHILE = { reason: 'CONFLICT', message: 'the record changed meanwhile' } as const

/** Deletes one record if it is still at the version that the decision saw; otherwise CONFLICT. Its tombstone is a statement of its own. */
export const deleteRecord = (key: RecordKey, version: bigint): Statement<{ record_id: string; version: bigint }> => ({
  name: 'delete-record',
  text: `delete from @.record where tenant_id = $1 and collection_id = $2 and record_id = $3 and version = $4
         returning tenant_id, collection_id, record_id, version + 1 as version`,
  values: [key.tenantId, key.collectionId, key.recordId, version],
  rows: 1,
  onRows: CHANGED_MEANWHILE,
  writes: true,
})

/** Deletes records, each id once, all of which are still at the versions that the decisions saw; otherwise CONFLICT and none. */
export const deleteRecords = (
  tenantId: string,
  collectionId: string,
  gone: readonly Gone[],
): Statement<{ record_id: string; version: bigint }> => ({
  name: 'delete-records',
  text: `delete from @.record r using unnest($3::text[], $4::bigint[]) as n (id, seen)
         where r.tenant_id = $1 and r.collection_id = $2 and r.record_id = n.id and r.version = n.seen
         returning r.tenant_id, r.collection_id, r.record_id, r.version + 1 as version`,
  values: [tenantId, collectionId, gone.map((one) => one.recordId), gone.map((one) => one.version)],
  rows: gone.length,
  onRows: CHANGED_MEANWHILE,
  writes: true,
})
