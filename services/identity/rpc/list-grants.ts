import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { toGrant } from '../map.js'
import { paged } from '../paged.js'
import type { GrantPlace } from '../store/list-grants.js'
import { listGrants as statement } from '../store/list-grants.js'

/** Who holds what: one subject's grants, or all of the tenant. */
export const listGrants =
  ({ db, pageTokens }: IdentityDeps): Rpc<typeof Contract.method.listGrants> =>
  async (request, call) => {
    const page = paged(pageTokens, call, request, { filter: request.subjectId })
    const after: GrantPlace = page.after === undefined ? ['', '', ''] : (JSON.parse(page.after) as [string, string, string])
    const [rows] = await db.run(call, statement(request.tenantId, request.subjectId, after, page.limit))
    const { items, nextPageToken } = page.of(rows, (row) => JSON.stringify([row.user_id, row.role_id, row.collection_id]))
    return { grants: items.map(toGrant), nextPageToken }
  }
