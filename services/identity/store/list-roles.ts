import type { Statement } from '../../platform/postgres/statement.js'
import type { RoleRow } from './rows.js'

/** The tenant's roles after a place, built-in ones first, then oldest first. */
export const listRoles = (tenantId: string, after: { builtIn: boolean; roleId: string }, limit: number): Statement<RoleRow> => ({
  name: 'list-roles',
  text: `select * from @.roles where tenant_id = $1 and not deleted and (not built_in, role_id) > (not $2::boolean, $3) order by not built_in, role_id limit $4`,
  values: [tenantId, after.builtIn, after.roleId, limit],
})

/** The tenant's built-in roles, all of them. */
export const listBuiltInRoles = (tenantId: string): Statement<RoleRow> => ({
  name: 'list-built-in-roles',
  text: `select * from @.roles where tenant_id = $1 and built_in and not deleted`,
  values: [tenantId],
})
