import type { Statement } from '../../platform/postgres/statement.js'
import type { FieldDefinition } from '../definition.js'
import { COLLECTION_COLUMNS } from './rows.js'
import type { CollectionRow } from './rows.js'

export interface CollectionChange {
  readonly tenantId: string
  readonly collectionId: string
  /** The version that was read. */
  readonly version: bigint
  readonly displayName: string
  readonly fields: readonly FieldDefinition[]
}

/** Changes the collection if it is still at the version that was read; otherwise CONFLICT. */
export const updateCollection = (change: CollectionChange): Statement<CollectionRow> => ({
  name: 'update-collection',
  text: `update @.collection set version = version + 1, display_name = $4, fields = $5, update_time = now()
         where tenant_id = $1 and collection_id = $2 and version = $3 returning tenant_id, ${COLLECTION_COLUMNS}`,
  values: [change.tenantId, change.collectionId, change.version, change.displayName, JSON.stringify(change.fields)],
  rows: 1,
  onRows: { reason: 'CONFLICT', message: 'the collection changed meanwhile' },
  writes: true,
})
