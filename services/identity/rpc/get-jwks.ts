import type { SessionService as Contract } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'

/** The public keys that verify access tokens, those of the next rotation too. */
export const getJwks =
  ({ signingKeys }: IdentityDeps): Rpc<typeof Contract.method.getJwks> =>
  () =>
    Promise.resolve({ jwks: JSON.stringify(signingKeys.jwks()) })
