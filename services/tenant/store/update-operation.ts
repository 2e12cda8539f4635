import type { Statement } from '../../platform/postgres/statement.js'
import type { OperationRow } from './rows.js'

/** Marks a step: done at 100 percent. Later steps stay as they are; a finished operation does not change. */
export const updateStep = (tenantId: string, operationId: string, step: string, percent: number): Statement<OperationRow> => ({
  name: 'update-step',
  text: `update @.operation set version = version + 1, update_time = clock_timestamp(), steps = (
           select jsonb_agg(case when s->>'name' = $3 then s || jsonb_build_object('percent', greatest((s->>'percent')::int, $4::int),
             'done', (s->>'done')::boolean or $4::int = 100) else s end order by n)
           from jsonb_array_elements(steps) with ordinality as e (s, n))
         where tenant_id = $1 and operation_id = $2 and not done returning *`,
  values: [tenantId, operationId, step, percent],
  rows: { min: 0, max: 1 },
  writes: true,
})

/** Ends an operation, well or with an error. */
export const finishOperation = (
  tenantId: string,
  operationId: string,
  error?: { reason: string; message: string },
): Statement<OperationRow> => ({
  name: 'finish-operation',
  text: `update @.operation set done = true, error_reason = $3, error_message = $4, version = version + 1, update_time = clock_timestamp()
         where tenant_id = $1 and operation_id = $2 and not done returning *`,
  values: [tenantId, operationId, error?.reason ?? null, error?.message ?? null],
  rows: 1,
  writes: true,
})

/** Gives an operation back, to be tried again after `seconds`. */
export const releaseOperation = (tenantId: string, operationId: string, seconds: number): Statement<OperationRow> => ({
  name: 'release-operation',
  text: `update @.operation set claimed_until = clock_timestamp() + make_interval(secs => $3)
         where tenant_id = $1 and operation_id = $2 returning *`,
  values: [tenantId, operationId, seconds],
  rows: 1,
  writes: true,
})
