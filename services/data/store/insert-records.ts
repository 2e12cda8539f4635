import type { Statement } from '../../platform/postgres/statement.js'
import { INSERT_CONSTRAINTS } from './insert-record.js'
import type { NewRecord } from './insert-record.js'
import { WRITTEN_COLUMNS } from './rows.js'
import type { WrittenRow } from './rows.js'

export type BatchRecord = Pick<NewRecord, 'recordId' | 'json' | 'bytes' | 'classification'>

/** `version`: what the caller takes it to be, for `checkSuccession` to confirm; absent, it counts on from the tombstone, if there is one. */
export type NewBatchRecord = BatchRecord & { readonly version?: bigint }

/**
 * Inserts records of one owner, each id once, in one statement. Ids come sorted, so that two batches wait for each other in one order.
 * `skip`: records whose id is taken are left out of what comes back; otherwise they are ALREADY_EXISTS.
 */
export const insertRecords = (
  tenantId: string,
  collectionId: string,
  owner: string,
  records: readonly NewBatchRecord[],
  skip: boolean,
): Statement<WrittenRow> => ({
  name: skip ? 'insert-absent-records' : 'insert-records',
  text: `insert into @.record (tenant_id, collection_id, record_id, version, clear, bytes, owner, classification)
         select $1, $2, n.record_id, coalesce(n.version, t.version + 1, 1), n.clear::jsonb, n.bytes, $3, n.classification
         from unnest($4::text[], $5::text[], $6::integer[], $7::smallint[], $8::bigint[])
           with ordinality as n (record_id, clear, bytes, classification, version, place)
         left join @.tombstone t on t.tenant_id = $1 and t.collection_id = $2 and t.record_id = n.record_id
         order by n.place
         ${skip ? 'on conflict on constraint record_pkey do nothing' : ''}
         returning tenant_id, collection_id, ${WRITTEN_COLUMNS}`,
  values: [
    tenantId,
    collectionId,
    owner,
    records.map((record) => record.recordId),
    records.map((record) => record.json),
    records.map((record) => record.bytes),
    records.map((record) => record.classification),
    records.map((record) => record.version ?? null),
  ],
  rows: skip ? { min: 0, max: records.length } : records.length,
  writes: true,
  constraints: INSERT_CONSTRAINTS,
})
