import type { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { DataService } from '../deps.js'
import { toCollection } from '../map.js'
import { selectCollection } from '../store/select-collection.js'

/** One collection of the tenant; another tenant's is as one that is not there. */
export const getCollection =
  ({ db }: DataService): Rpc<typeof CollectionService.method.getCollection> =>
  async (request, call) => {
    const [[row]] = await db.run(call, selectCollection(call.tenant, request.collectionId))
    if (row === undefined) throw notFound('collection')
    return { collection: toCollection(call.tenant, row) }
  }
