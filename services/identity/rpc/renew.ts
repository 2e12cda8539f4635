import type { FactService as Contract } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { FactOwner } from '../../platform/facts/fact-owner.js'
import type { Rpc } from '../../platform/mesh/rpc.js'

/** The facts of subjects and roles that changed since the cursor. */
export const renew =
  (owner: FactOwner): Rpc<typeof Contract.method.renew> =>
  (request, call) =>
    owner.renew(request.cursor, call.deadline)
