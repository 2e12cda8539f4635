import type { Statement } from '../../platform/postgres/statement.js'
import type { OperationRow } from './rows.js'

/** The operation, or no row. */
export const selectOperation = (tenantId: string, operationId: string): Statement<OperationRow> => ({
  name: 'select-operation',
  text: 'select * from @.operation where tenant_id = $1 and operation_id = $2',
  values: [tenantId, operationId],
})

/** An operation by its id alone: for workers that report progress, in a context signed for the platform. */
export const selectOperationById = (operationId: string): Statement<OperationRow> => ({
  name: 'select-operation-by-id',
  text: 'select * from @.operation where operation_id = $1',
  values: [operationId],
})
