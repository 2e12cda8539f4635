import type { Statement } from '../../platform/postgres/statement.js'
import type { GrantRow } from './rows.js'

/** Gives a locked user a role, in a collection or (empty) the whole tenant; one that it has is ALREADY_EXISTS. */
export const insertGrant = (tenantId: string, userId: string, roleId: string, collectionId: string): Statement<GrantRow> => ({
  name: 'insert-grant',
  text: `insert into @.grants (tenant_id, user_id, role_id, collection_id) values ($1, $2, $3, $4) returning *`,
  values: [tenantId, userId, roleId, collectionId],
  rows: 1,
  writes: true,
  constraints: { grants_pkey: { reason: 'ALREADY_EXISTS', message: 'the subject has the role already' } },
})
