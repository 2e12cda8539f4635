import type { Statement } from '../../platform/postgres/statement.js'

/** Deletes the collection if it is still at the version that was read (CONFLICT) and has no record (IN_USE). */
export const deleteCollection = (
  tenantId: string,
  collectionId: string,
  version: bigint,
): Statement<{ tenant_id: string; collection_id: string; version: bigint }> => ({
  name: 'delete-collection',
  text: `delete from @.collection where tenant_id = $1 and collection_id = $2 and version = $3
         returning tenant_id, collection_id, version + 1 as version`,
  values: [tenantId, collectionId, version],
  rows: 1,
  onRows: { reason: 'CONFLICT', message: 'the collection changed meanwhile' },
  writes: true,
  constraints: { record_collection: { reason: 'IN_USE', message: 'the collection is not empty' } },
})

/** The tombstones of a deleted collection's records: its id is never used again, so they say nothing any more. */
export const deleteTombstones = (tenantId: string, collectionId: string): Statement => ({
  name: 'delete-tombstones',
  text: 'delete from @.tombstone where tenant_id = $1 and collection_id = $2',
  values: [tenantId, collectionId],
  rows: 'any',
  writes: true,
})
