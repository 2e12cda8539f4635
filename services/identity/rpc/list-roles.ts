import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { toRole } from '../map.js'
import { paged } from '../paged.js'
import { listRoles as statement } from '../store/list-roles.js'

const BUILT_IN = 'built-in/'
const OWN = 'own/'

/** The tenant's roles: built-in ones first, then its own, each oldest first. */
export const listRoles =
  ({ db, pageTokens }: IdentityDeps): Rpc<typeof Contract.method.listRoles> =>
  async (request, call) => {
    const page = paged(pageTokens, call, request)
    const after = page.after ?? BUILT_IN
    const builtIn = after.startsWith(BUILT_IN)
    const place = { builtIn, roleId: after.slice((builtIn ? BUILT_IN : OWN).length) }
    const [rows] = await db.run(call, statement(request.tenantId, place, page.limit))
    const { items, nextPageToken } = page.of(rows, (row) => `${row.built_in ? BUILT_IN : OWN}${row.role_id}`)
    return { roles: items.map(toRole), nextPageToken }
  }
