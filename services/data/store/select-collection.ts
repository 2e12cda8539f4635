import type { Statement } from '../../platform/postgres/statement.js'
import { COLLECTION_COLUMNS } from './rows.js'
import type { CollectionRow } from './rows.js'

/** The collection, or no row. */
export const selectCollection = (tenantId: string, collectionId: string): Statement<CollectionRow> => ({
  name: 'select-collection',
  text: `select ${COLLECTION_COLUMNS} from @.collection where tenant_id = $1 and collection_id = $2`,
  values: [tenantId, collectionId],
  rows: { min: 0, max: 1 },
})

/** The collection's version alone, or no row: whether what is cached of it still holds. */
export const selectCollectionVersion = (tenantId: string, collectionId: string): Statement<{ version: bigint }> => ({
  name: 'select-collection-version',
  text: 'select version from @.collection where tenant_id = $1 and collection_id = $2',
  values: [tenantId, collectionId],
  rows: { min: 0, max: 1 },
})

/** Holds the collection until the end of the transaction: it can't be deleted. NOT_FOUND when it is not there. */
export const holdCollection = (tenantId: string, collectionId: string): Statement<CollectionRow> => ({
  name: 'hold-collection',
  text: `select tenant_id, ${COLLECTION_COLUMNS} from @.collection where tenant_id = $1 and collection_id = $2 for key share`,
  values: [tenantId, collectionId],
  rows: 1,
  onRows: { reason: 'NOT_FOUND', message: 'collection not found' },
})
