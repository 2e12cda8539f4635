import type { SessionService as Contract } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { endSession } from '../end-sessions.js'
import { inForce } from '../settle.js'
import { selectSession } from '../store/select-session.js'

/** Ends a session: its access tokens are refused everywhere from the answer on. One that ended already stays so. */
export const revokeSession =
  (deps: IdentityDeps): Rpc<typeof Contract.method.revokeSession> =>
  async (request, call) => {
    const [[session]] = await deps.db.run(call, selectSession(request.tenantId, request.sessionId))
    // Also for one that does not exist: who may not end others' sessions must not learn which there are.
    await call.decideWithRow({ owner: session?.user_id ?? '' })
    if (!session) throw notFound('session')
    await endSession(deps, call, session, 'revoked')
    await inForce(deps.leaseMs, call)
    return {}
  }
