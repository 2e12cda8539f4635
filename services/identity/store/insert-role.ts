import type { Statement } from '../../platform/postgres/statement.js'
import type { RoleRow } from './rows.js'

export interface NewRole {
  readonly tenantId: string
  readonly roleId: string
  readonly name: string
  readonly description: string
  readonly actions: readonly string[]
  readonly builtIn?: boolean
}

/** Inserts a role at version 1; a name that another of the tenant has is ALREADY_EXISTS. */
export const insertRole = (role: NewRole): Statement<RoleRow> => ({
  name: 'insert-role',
  text: `insert into @.roles (tenant_id, role_id, version, name, description, actions, built_in)
         values ($1, $2, 1, $3, $4, $5, $6) returning *`,
  values: [role.tenantId, role.roleId, role.name, role.description, role.actions, role.builtIn ?? false],
  rows: 1,
  writes: true,
  constraints: {
    // Built-in roles have names of ours: another replica is making them at this moment.
    roles_name: { reason: role.builtIn ? 'CONFLICT' : 'ALREADY_EXISTS', message: 'name: is taken in this tenant' },
  },
})
