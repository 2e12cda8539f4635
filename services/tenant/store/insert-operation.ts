import type { Statement } from '../../platform/postgres/statement.js'
import type { OperationRow } from './rows.js'

export type NewOperation = Pick<OperationRow, 'tenant_id' | 'operation_id' | 'type' | 'target' | 'initiator' | 'steps'>

/** Inserts an operation, to be worked on by any replica. */
export const insertOperation = (operation: NewOperation): Statement<OperationRow> => ({
  name: 'insert-operation',
  text: `insert into @.operation (tenant_id, operation_id, version, type, target, initiator, steps)
         values ($1, $2, 1, $3, $4, $5, $6) returning *`,
  values: [
    operation.tenant_id,
    operation.operation_id,
    operation.type,
    operation.target,
    operation.initiator,
    JSON.stringify(operation.steps),
  ],
  rows: 1,
  writes: true,
})
