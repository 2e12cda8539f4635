import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { toUser } from '../map.js'
import { selectUser } from '../store/select-user.js'

export const getUser =
  ({ db }: IdentityDeps): Rpc<typeof Contract.method.getUser> =>
  async (request, call) => {
    const [[row]] = await db.run(call, selectUser(request.tenantId, request.userId))
    if (!row) throw notFound('user')
    return { user: toUser(row) }
  }
