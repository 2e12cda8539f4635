import type { Statement } from '../../platform/postgres/statement.js'
import type { TenantRow } from './rows.js'

/** A condition over the listed table, with its bind parameters numbered from `$<first>` on. */
export interface Condition {
  text: string
  values: readonly unknown[]
}

/** Parameters of the list's own that come before a filter's. */
export const FIRST_FILTER_PARAMETER = 3

/** Tenants after an id, in order of their ids. */
export const listTenants = (after: string, limit: number, filter: Condition): Statement<TenantRow> => ({
  name: `list-tenants ${filter.text}`,
  text: `select * from @.tenant where tenant_id > $1 and (${filter.text}) order by tenant_id limit $2`,
  values: [after, limit, ...filter.values],
})
