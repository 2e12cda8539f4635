import type { Statement } from '../../platform/postgres/statement.js'
import type { RoleRow } from './rows.js'

/** The role, unless deleted; no row otherwise. */
export const selectRole = (tenantId: string, roleId: string): Statement<RoleRow> => ({
  name: 'select-role',
  text: `select * from @.roles where tenant_id = $1 and role_id = $2 and not deleted`,
  values: [tenantId, roleId],
})

/** The tenant's role of that name; no row otherwise. */
export const selectRoleByName = (tenantId: string, name: string): Statement<RoleRow> => ({
  name: 'select-role-by-name',
  text: `select * from @.roles where tenant_id = $1 and name = $2 and not deleted`,
  values: [tenantId, name],
})
