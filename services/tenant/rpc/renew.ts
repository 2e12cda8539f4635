import type { FactService as Contract } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { FactOwner } from '../../platform/facts/fact-owner.js'

/** The facts of all tenants of the region that changed since the cursor. */
export const renew =
  (owner: FactOwner): Rpc<typeof Contract.method.renew> =>
  (request, call) =>
    owner.renew(request.cursor, call.deadline)
