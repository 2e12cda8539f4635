import type { SessionService as Contract } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { toSession } from '../map.js'
import { paged } from '../paged.js'
import { listSessions as statement } from '../store/list-sessions.js'

/** The live sessions of a user, oldest first. Where the policy limits the list to the caller's own, another's is empty. */
export const listSessions =
  ({ db, pageTokens }: IdentityDeps): Rpc<typeof Contract.method.listSessions> =>
  async (request, call) => {
    const userId = request.userId || call.subject!.id
    const owner = call.decision?.obligations?.rowFilter?.owner ?? ''
    if (owner !== '' && owner !== userId) return { sessions: [], nextPageToken: '' }
    const page = paged(pageTokens, call, request, { filter: userId })
    const [rows] = await db.run(call, statement(request.tenantId, userId, page.after ?? '', page.limit))
    const { items, nextPageToken } = page.of(rows, (row) => row.session_id)
    return { sessions: items.map(toSession), nextPageToken }
  }
