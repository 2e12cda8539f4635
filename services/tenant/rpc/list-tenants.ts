import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { parseFilter, toSql } from '../../platform/query/filter.js'
import type { TenantDeps } from '../deps.js'
import { acrossTenants } from '../deps.js'
import { toTenant } from '../map.js'
import { FIRST_FILTER_PARAMETER, listTenants as statement } from '../store/list-tenants.js'

const FIELDS = {
  slug: { type: 'string' },
  status: { type: 'enum', values: ['provisioning', 'active', 'suspended'] },
  tier: { type: 'enum', values: ['standard', 'premium'] },
  region: { type: 'string' },
} as const
const COLUMNS = { slug: 'slug', status: 'status', tier: 'tier', region: 'region' }

/** Every tenant of the region, in order of their ids. */
export const listTenants =
  ({ db, pageTokens }: TenantDeps): Rpc<typeof Contract.method.listTenants> =>
  async (request, call) => {
    const size = request.pageSize || 50
    const filter = toSql(parseFilter(request.filter, FIELDS), COLUMNS, FIRST_FILTER_PARAMETER)
    const binding = { method: call.method.name, tenant: call.tenant, subject: call.subject!.id, filter: request.filter, order: '' }
    const after = request.pageToken ? pageTokens.open(binding, request.pageToken) : ''
    const [rows] = await db.run(acrossTenants(call), statement(after, size + 1, filter))
    const page = rows.slice(0, size)
    const nextPageToken = rows.length > size ? pageTokens.seal(binding, page[page.length - 1]!.tenant_id) : ''
    return { tenants: page.map(toTenant), nextPageToken }
  }
