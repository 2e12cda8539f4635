import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { toRole } from '../map.js'
import { selectRole } from '../store/select-role.js'

export const getRole =
  ({ db }: IdentityDeps): Rpc<typeof Contract.method.getRole> =>
  async (request, call) => {
    const [[row]] = await db.run(call, selectRole(request.tenantId, request.roleId))
    if (!row) throw notFound('role')
    return { role: toRole(row) }
  }
