import type { AuditService as Contract } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { View } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { PageBinding } from '../../platform/keys/page-token.js'
import type { Call } from '../../platform/mesh/call.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { parseFilter } from '../../platform/query/filter.js'
import { basicEntry, fullEntry } from '../entry.js'
import type { AuditParts } from '../parts.js'
import { LEAF_FIELDS, listLeaves } from '../store/read-leaves.js'

const DEFAULT_SIZE = 50
const MAX_SIZE = 500
// What is opened is added to it, and a message has at most 4 MiB.
const MAX_PAGE_BYTES = 1024 * 1024

/** A page of a tenant's log, newest first unless asked otherwise. That this caller may see opened parts is what the policy allowed. */
export const listEvents =
  ({ db, opener, pageTokens }: AuditParts): Rpc<typeof Contract.method.listEvents> =>
  async (request, call) => {
    const filter = parseFilter(request.filter, LEAF_FIELDS)
    const binding = bindingOf(call, request.filter, request.orderBy)
    const after = request.pageToken === '' ? undefined : BigInt(pageTokens.open(binding, request.pageToken))
    const [rows] = await db.run(
      call,
      listLeaves({
        tenantId: call.tenant,
        filter,
        descending: request.orderBy !== 'index',
        after,
        size: Math.min(request.pageSize || DEFAULT_SIZE, MAX_SIZE),
        bytes: MAX_PAGE_BYTES,
      }),
    )
    const entries = []
    for (const row of rows) entries.push(request.view === View.FULL ? await fullEntry(row, opener, call.log) : basicEntry(row))
    const last = rows.at(-1)
    return { entries, nextPageToken: last?.more === true ? pageTokens.seal(binding, last.leaf_index) : '' }
  }

const bindingOf = (call: Call, filter: string, order: string): PageBinding => ({
  method: call.method.name,
  tenant: call.tenant,
  subject: call.subject?.id ?? call.workload.spiffeId,
  filter,
  order,
})
