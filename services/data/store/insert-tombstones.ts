import type { Statement } from '../../platform/postgres/statement.js'
import type { Gone } from './delete-record.js'

/**
 * What stays of deleted records (or of a collection, under the empty record id): the version of the delete, which a new record under that id
 * counts on from.
 */
export const insertTombstones = (tenantId: string, collectionId: string, gone: readonly Gone[]): Statement => ({
  name: 'insert-tombstones',
  text: `insert into @.tombstone as t (tenant_id, collection_id, record_id, version)
         select $1, $2, n.id, n.seen + 1 from unnest($3::text[], $4::bigint[]) as n (id, seen)
         on conflict on constraint tombstone_pkey do update set version = excluded.version, delete_time = now()
         returning t.record_id`,
  values: [tenantId, collectionId, gone.map((one) => one.recordId), gone.map((one) => one.version)],
  rows: gone.length,
  writes: true,
})
