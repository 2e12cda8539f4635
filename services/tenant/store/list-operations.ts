import type { Statement } from '../../platform/postgres/statement.js'
import type { Condition } from './list-tenants.js'
import type { OperationRow } from './rows.js'

/** Parameters of the list's own that come before a filter's. */
export const FIRST_FILTER_PARAMETER = 4

/** Operations of a tenant before an id, newest first. */
export const listOperations = (tenantId: string, before: string, limit: number, filter: Condition): Statement<OperationRow> => ({
  name: `list-operations ${filter.text}`,
  text: `select * from @.operation where tenant_id = $1 and operation_id < $2 and (${filter.text}) order by operation_id desc limit $3`,
  values: [tenantId, before, limit, ...filter.values],
})
