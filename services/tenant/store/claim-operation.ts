import type { Statement } from '../../platform/postgres/statement.js'
import type { OperationRow } from './rows.js'

/** Takes the oldest unfinished operation that no replica works on, for `seconds`; no row when there is none. */
export const claimOperation = (seconds: number): Statement<OperationRow> => ({
  name: 'claim-operation',
  text: `update @.operation set claimed_until = clock_timestamp() + make_interval(secs => $1), attempts = attempts + 1
         where (tenant_id, operation_id) = (
           select tenant_id, operation_id from @.operation where not done and claimed_until < clock_timestamp()
           order by create_time limit 1 for update skip locked)
         returning *`,
  values: [seconds],
  rows: { min: 0, max: 1 },
  writes: true,
})
