import type { Statement } from '../../platform/postgres/statement.js'

/** One of those who hold the tenant's built-in admin role in the whole tenant, if any. */
export const selectAdministrator = (tenantId: string): Statement<{ user_id: string; email: string }> => ({
  name: 'select-administrator',
  text: `select u.user_id, u.email from @.grants g
         join @.roles r on r.tenant_id = g.tenant_id and r.role_id = g.role_id and r.built_in and r.name = 'admin'
         join @.users u on u.tenant_id = g.tenant_id and u.user_id = g.user_id and u.status <> 'deleted'
         where g.tenant_id = $1 and g.collection_id = '' order by u.user_id limit 1`,
  values: [tenantId],
})
