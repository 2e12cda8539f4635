import type { Statement } from '../../platform/postgres/statement.js'
import type { UserRow } from './rows.js'

/** A condition over the listed table, with its bind parameters numbered from `FIRST_FILTER_PARAMETER` on. */
export interface Condition {
  readonly text: string
  readonly values: readonly unknown[]
}

export const FIRST_FILTER_PARAMETER = 4

/** The tenant's users after an id, oldest first: ids sort by time of creation. */
export const listUsers = (tenantId: string, after: string, limit: number, filter: Condition): Statement<UserRow> => ({
  name: `list-users ${filter.text}`,
  text: `select * from @.users where tenant_id = $1 and user_id > $2 and status <> 'deleted' and ${filter.text} order by user_id limit $3`,
  values: [tenantId, after, limit, ...filter.values],
})
