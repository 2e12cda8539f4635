import type { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { UpdateCollectionRequestSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { invalidField, notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { attempts } from '../attempts.js'
import { changedFields, changedNames } from '../collection-fields.js'
import { definitionOf } from '../definition.js'
import type { DataService } from '../deps.js'
import { checkEtag } from '../etag.js'
import { collectionEvent } from '../events.js'
import { keptCollection } from '../kept.js'
import type { CollectionRest } from '../kept.js'
import { toCollection } from '../map.js'
import { selectCollection } from '../store/select-collection.js'
import { updateCollection as statement } from '../store/update-collection.js'

/** Changes what the mask names: the display name, and the fields as far as every record stays acceptable. */
export const updateCollection =
  ({ db, collections, mutations }: DataService): Rpc<typeof CollectionService.method.updateCollection> =>
  async (request, call) => {
    const mask = new Set(request.updateMask?.paths)
    if (mask.size === 0) throw invalidField('update_mask', 'must name at least one path')
    for (const path of mask)
      if (path !== 'display_name' && path !== 'fields') throw invalidField('update_mask', 'paths must be display_name or fields')
    const { collectionId } = request
    return mutations.run(call, UpdateCollectionRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const [[stored]] = await db.run(call, selectCollection(call.tenant, collectionId))
          if (stored === undefined) throw notFound('collection')
          checkEtag(request.etag, stored.version)
          const displayName = mask.has('display_name') ? request.displayName : stored.display_name
          const fields = mask.has('fields') ? changedFields(stored.fields, request.fields) : stored.fields
          const changed = [...(displayName === stored.display_name ? [] : ['display_name']), ...changedNames(stored.fields, fields)]
          const updated = event(collectionEvent('updated', call.tenant, collectionId, changed))
          const change = statement({ tenantId: call.tenant, collectionId, version: stored.version, displayName, fields })
          const rest = { name: stored.name, displayName, fields, createTime: stored.create_time.toISOString() }
          const [[row]] = await db.run(call, once(emitting(change, updated, call), collectionId, rest))
          collections.put(call.tenant, definitionOf(row!))
          return { collection: toCollection(call.tenant, row!) }
        }),
      replay: async (kept, rest: CollectionRest | undefined) => ({
        collection: toCollection(call.tenant, await keptCollection(db, call, kept, rest)),
      }),
    })
  }
