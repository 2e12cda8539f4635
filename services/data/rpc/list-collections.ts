import type { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { parseFilter } from '../../platform/query/filter.js'
import type { DataService } from '../deps.js'
import { toCollection } from '../map.js'
import { pageBinding } from '../page-binding.js'
import { listCollections as statement } from '../store/list-collections.js'

const FIELDS = { name: { type: 'string' } } as const

/** The tenant's collections in the order of their names. */
export const listCollections =
  ({ db, pageTokens }: DataService): Rpc<typeof CollectionService.method.listCollections> =>
  async (request, call) => {
    const filter = parseFilter(request.filter, FIELDS)
    const binding = pageBinding(call, request.filter, 'name')
    const after = request.pageToken === '' ? '' : pageTokens.open(binding, request.pageToken)
    const size = request.pageSize || 50
    const [rows] = await db.run(call, statement(call.tenant, filter, after, size))
    const page = rows.slice(0, size)
    const nextPageToken = rows.length > size ? pageTokens.seal(binding, page.at(-1)!.name) : ''
    return { collections: page.map((row) => toCollection(call.tenant, row)), nextPageToken }
  }
