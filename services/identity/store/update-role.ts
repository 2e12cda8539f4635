import type { Statement } from '../../platform/postgres/statement.js'
import type { RoleRow } from './rows.js'

const MOVED_ON = `version = version + 1, update_time = now(), changed_xid = pg_current_xact_id()`
const OWN = `tenant_id = $1 and role_id = $2 and not deleted and not built_in`
const IMMUTABLE = { reason: 'IMMUTABLE', message: 'built-in roles are immutable' } as const

/** Changes a locked role of the tenant's own: values that are undefined stay. */
export const updateRole = (
  tenantId: string,
  roleId: string,
  to: { description?: string; actions?: readonly string[] },
): Statement<RoleRow> => ({
  name: 'update-role',
  text: `update @.roles set description = coalesce($3, description), actions = coalesce($4, actions), ${MOVED_ON} where ${OWN} returning *`,
  values: [tenantId, roleId, to.description ?? null, to.actions ?? null],
  rows: 1,
  onRows: IMMUTABLE,
  writes: true,
})

/** Leaves a tombstone of a locked role that nobody holds. */
export const buryRole = (tenantId: string, roleId: string): Statement<RoleRow> => ({
  name: 'bury-role',
  text: `update @.roles r set deleted = true, actions = '{}', description = '', ${MOVED_ON} where ${OWN}
           and not exists (select from @.grants g where g.tenant_id = r.tenant_id and g.role_id = r.role_id) returning *`,
  values: [tenantId, roleId],
  rows: 1,
  onRows: { reason: 'IN_USE', message: 'the role is granted to someone' },
  writes: true,
})
