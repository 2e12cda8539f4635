import type { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { CreateCollectionRequestSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { newId } from '../../platform/ids.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { newFields } from '../collection-fields.js'
import { definitionOf } from '../definition.js'
import type { DataService } from '../deps.js'
import { collectionEvent } from '../events.js'
import { keptCollection } from '../kept.js'
import type { CollectionRest } from '../kept.js'
import { toCollection } from '../map.js'
import { insertCollection } from '../store/insert-collection.js'

/** Makes a collection; its name is unique in the tenant. */
export const createCollection =
  ({ db, collections, mutations }: DataService): Rpc<typeof CollectionService.method.createCollection> =>
  async (request, call) =>
    mutations.run(call, CreateCollectionRequestSchema, request, {
      write: async ({ event, once }) => {
        const fields = newFields(request.fields)
        const collectionId = newId('col')
        const { name, displayName } = request
        const created = event(collectionEvent('created', call.tenant, collectionId, ['name', 'display_name', 'fields']))
        const statement = insertCollection({ tenantId: call.tenant, collectionId, name, displayName, fields })
        const rest = { name, displayName, fields }
        const [[row]] = await db.run(call, once(emitting(statement, created, call), collectionId, rest))
        collections.put(call.tenant, definitionOf(row!))
        return { collection: toCollection(call.tenant, row!) }
      },
      replay: async (kept, rest: CollectionRest | undefined) => ({
        collection: toCollection(call.tenant, await keptCollection(db, call, kept, rest)),
      }),
    })
