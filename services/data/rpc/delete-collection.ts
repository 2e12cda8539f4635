import type { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { DeleteCollectionRequestSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { attempts } from '../attempts.js'
import type { DataService } from '../deps.js'
import { checkEtag } from '../etag.js'
import { collectionEvent } from '../events.js'
import { deleteCollection as statement, deleteTombstones } from '../store/delete-collection.js'
import { insertTombstones } from '../store/insert-tombstones.js'
import { selectCollection } from '../store/select-collection.js'

/** Deletes a collection that has no record; otherwise IN_USE. */
export const deleteCollection =
  ({ db, collections, mutations }: DataService): Rpc<typeof CollectionService.method.deleteCollection> =>
  async (request, call) => {
    const { collectionId } = request
    return mutations.run(call, DeleteCollectionRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const [[stored]] = await db.run(call, selectCollection(call.tenant, collectionId))
          if (stored === undefined) throw notFound('collection')
          checkEtag(request.etag, stored.version)
          const deleted = event(collectionEvent('deleted', call.tenant, collectionId))
          await db.run(
            call,
            once(emitting(statement(call.tenant, collectionId, stored.version), deleted, call), collectionId, {}),
            deleteTombstones(call.tenant, collectionId),
            insertTombstones(call.tenant, collectionId, [{ recordId: '', version: stored.version }]),
          )
          collections.forget(call.tenant, collectionId)
          return {}
        }),
      replay: () => ({}),
    })
  }
