import type { Statement } from '../../platform/postgres/statement.js'

/** Everything that a user's roles give anywhere, in collections too. */
export const selectActionsOf = (tenantId: string, userId: string): Statement<{ action: string }> => ({
  name: 'select-actions-of',
  text: `select distinct unnest(r.actions) as action from @.grants g
         join @.roles r on r.tenant_id = g.tenant_id and r.role_id = g.role_id where g.tenant_id = $1 and g.user_id = $2`,
  values: [tenantId, userId],
})
