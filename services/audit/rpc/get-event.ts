import type { AuditService as Contract } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { View } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { basicEntry, fullEntry } from '../entry.js'
import type { AuditParts } from '../parts.js'
import { readLeaf } from '../store/read-leaves.js'

/** One entry of a tenant's log. That this caller may see opened parts is what the policy allowed. */
export const getEvent =
  ({ db, opener }: AuditParts): Rpc<typeof Contract.method.getEvent> =>
  async (request, call) => {
    const [rows] = await db.run(call, readLeaf(call.tenant, request.eventId))
    const row = rows[0]!
    return { entry: request.view === View.FULL ? await fullEntry(row, opener, call.log) : basicEntry(row) }
  }
