import type { Statement } from '../../platform/postgres/statement.js'
import type { FieldDefinition } from '../definition.js'
import { COLLECTION_COLUMNS } from './rows.js'
import type { CollectionRow } from './rows.js'

export interface NewCollection {
  readonly tenantId: string
  readonly collectionId: string
  readonly name: string
  readonly displayName: string
  readonly fields: readonly FieldDefinition[]
}

/** Inserts a collection at version 1; a name that the tenant has already is ALREADY_EXISTS. */
export const insertCollection = (collection: NewCollection): Statement<CollectionRow> => ({
  name: 'insert-collection',
  text: `insert into @.collection (tenant_id, collection_id, version, name, display_name, fields)
         values ($1, $2, 1, $3, $4, $5) returning tenant_id, ${COLLECTION_COLUMNS}`,
  values: [collection.tenantId, collection.collectionId, collection.name, collection.displayName, JSON.stringify(collection.fields)],
  rows: 1,
  writes: true,
  constraints: { collection_name: { reason: 'ALREADY_EXISTS', message: 'a collection of that name exists' } },
})
