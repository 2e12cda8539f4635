import type { Statement } from '../../platform/postgres/statement.js'
import type { GrantRow } from './rows.js'

export type GrantPlace = readonly [userId: string, roleId: string, collectionId: string]

/** The tenant's grants after a place, of one user or (empty) of all. */
export const listGrants = (tenantId: string, userId: string, after: GrantPlace, limit: number): Statement<GrantRow> => ({
  name: userId === '' ? 'list-grants' : 'list-grants-of-user',
  text: `select * from @.grants where tenant_id = $1 and (user_id, role_id, collection_id) > ($2, $3, $4)
         ${userId === '' ? '' : 'and user_id = $6'} order by user_id, role_id, collection_id limit $5`,
  values: [tenantId, ...after, limit, ...(userId === '' ? [] : [userId])],
})
