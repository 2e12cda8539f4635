import type { Statement } from '../../platform/postgres/statement.js'
import type { GrantRow } from './rows.js'

/** Takes a role back from a locked user. */
export const deleteGrant = (tenantId: string, userId: string, roleId: string, collectionId: string): Statement<GrantRow> => ({
  name: 'delete-grant',
  text: `delete from @.grants where tenant_id = $1 and user_id = $2 and role_id = $3 and collection_id = $4 returning *`,
  values: [tenantId, userId, roleId, collectionId],
  rows: 1,
  onRows: { reason: 'NOT_FOUND', message: 'grant not found' },
  writes: true,
})
