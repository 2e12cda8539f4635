import type { Statement } from '../../platform/postgres/statement.js'
import type { TenantRow } from './rows.js'

/** The tenant, or no row. */
export const selectTenant = (tenantId: string): Statement<TenantRow> => ({
  name: 'select-tenant',
  text: 'select * from @.tenant where tenant_id = $1',
  values: [tenantId],
})
