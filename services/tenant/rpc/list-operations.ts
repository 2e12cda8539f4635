import type { OperationService as Contract } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { parseFilter, toSql } from '../../platform/query/filter.js'
import type { TenantDeps } from '../deps.js'
import { inTenant } from '../deps.js'
import { toOperation } from '../map.js'
import { FIRST_FILTER_PARAMETER, listOperations as statement } from '../store/list-operations.js'

const FIELDS = { type: { type: 'string' }, done: { type: 'bool' } } as const
const COLUMNS = { type: 'type', done: 'done' }
/** Sorts after every operation's id. */
const LAST = 'op_~'

/** Operations of a tenant, newest first. */
export const listOperations =
  ({ db, pageTokens }: TenantDeps): Rpc<typeof Contract.method.listOperations> =>
  async (request, call) => {
    const size = request.pageSize || 50
    const filter = toSql(parseFilter(request.filter, FIELDS), COLUMNS, FIRST_FILTER_PARAMETER)
    const binding = { method: call.method.name, tenant: request.tenantId, subject: call.subject!.id, filter: request.filter, order: '' }
    const before = request.pageToken ? pageTokens.open(binding, request.pageToken) : LAST
    const [rows] = await db.run(inTenant(call, request.tenantId), statement(request.tenantId, before, size + 1, filter))
    const page = rows.slice(0, size)
    const nextPageToken = rows.length > size ? pageTokens.seal(binding, page[page.length - 1]!.operation_id) : ''
    return { operations: page.map((row) => toOperation(row)), nextPageToken }
  }
