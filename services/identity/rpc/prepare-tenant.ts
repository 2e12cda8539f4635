import type { TenancyService as Contract } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { makeBuiltInRoles } from '../make-built-in-roles.js'

/** Gives a new tenant its built-in roles. Again, it adds only what is missing. */
export const prepareTenant =
  (deps: IdentityDeps): Rpc<typeof Contract.method.prepareTenant> =>
  async (request, call) => {
    await makeBuiltInRoles(deps, call, request.tenantId)
    return {}
  }
