import type { Statement } from '../../platform/postgres/statement.js'

/**
 * Fails with CONFLICT when one of these records, inserted by this transaction, does not count on from its tombstone: an insert that waited for a delete of the
 * same id took its version from before that delete. Stands in the insert's transaction, after it; tried again, the insert sees the tombstone.
 */
export const checkSuccession = (tenantId: string, collectionId: string, recordIds: readonly string[]): Statement => ({
  name: 'check-succession',
  text: `select t.record_id from @.tombstone t
         join @.record r on r.tenant_id = t.tenant_id and r.collection_id = t.collection_id and r.record_id = t.record_id
         where r.xmin = pg_current_xact_id()::xid and t.tenant_id = $1 and t.collection_id = $2 and t.record_id = any ($3::text[]) and r.version <> t.version + 1`,
  values: [tenantId, collectionId, recordIds],
  rows: 0,
  onRows: { reason: 'CONFLICT', message: 'the record was deleted meanwhile' },
})
