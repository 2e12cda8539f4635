import { CollectionService } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import type { EventDraft } from '../platform/events/draft.js'
import { sealDraft } from '../platform/events/prepare-draft.js'
import type { Facts } from '../platform/facts/facts.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Sealer } from '../platform/keys/sealer.js'
import type { Call } from '../platform/mesh/call.js'
import { routes } from '../platform/mesh/rpc.js'
import type { Route } from '../platform/mesh/rpc.js'
import type { Database } from '../platform/postgres/database.js'
import { openCollections } from './collections.js'
import type { DataService } from './deps.js'
import { openMutations } from './mutations.js'
import { openRequests } from './requests.js'
import { batchWriteRecords } from './rpc/batch-write-records.js'
import { createCollection } from './rpc/create-collection.js'
import { createRecord } from './rpc/create-record.js'
import { deleteCollection } from './rpc/delete-collection.js'
import { deleteRecord } from './rpc/delete-record.js'
import { exportRecords } from './rpc/export-records.js'
import { getCollection } from './rpc/get-collection.js'
import { getRecord } from './rpc/get-record.js'
import { importRecords } from './rpc/import-records.js'
import { listCollections } from './rpc/list-collections.js'
import { listRecords } from './rpc/list-records.js'
import { prepareTenant } from './rpc/prepare-tenant.js'
import { updateCollection } from './rpc/update-collection.js'
import { updateRecord } from './rpc/update-record.js'

export { schemaOf } from './schema-of.js'

/** Migrations of data's database: run with `data_owner`. */
export const MIGRATIONS = new URL('./migrations/', import.meta.url)

export interface DataOptions {
  /** As the runtime role, with `schemaOf(facts)` for its placements. Closed by whoever opened it. */
  readonly db: Database
  readonly facts: Pick<Facts, 'tenant' | 'subject'>
  readonly keyStore: Pick<KeyStore, 'dataKey' | 'ready'>
  readonly sealer: Sealer
  readonly pageTokens: PageTokens
}

/** The data service: tenants' collections and records. */
export const openDataService = ({
  db,
  facts,
  keyStore,
  sealer,
  pageTokens,
}: DataOptions): { routes: Route[]; ready(): Promise<boolean>; close(): Promise<void> } => {
  const seal = (draft: EventDraft, call: Call) => sealDraft(draft, call, sealer, facts)
  const service: DataService = {
    db,
    pageTokens,
    seal,
    collections: openCollections(db),
    mutations: openMutations(openRequests(db, keyStore), seal),
  }
  return {
    routes: [
      ...routes(CollectionService, {
        createCollection: createCollection(service),
        getCollection: getCollection(service),
        listCollections: listCollections(service),
        updateCollection: updateCollection(service),
        deleteCollection: deleteCollection(service),
      }),
      ...routes(RecordService, {
        createRecord: createRecord(service),
        getRecord: getRecord(service),
        listRecords: listRecords(service),
        updateRecord: updateRecord(service),
        deleteRecord: deleteRecord(service),
        batchWriteRecords: batchWriteRecords(service),
        importRecords: importRecords(service),
        exportRecords: exportRecords(service),
      }),
      ...routes(TenancyService, { prepareTenant: prepareTenant(service) }),
    ],
    ready: async () => (await Promise.all([db.ready(), keyStore.ready()])).every(Boolean),
    // Nothing here outlives a call: connections belong to whoever opened the database.
    close: async () => {},
  }
}
