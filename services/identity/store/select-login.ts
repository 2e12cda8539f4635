import type { Statement } from '../../platform/postgres/statement.js'
import type { UserRow } from './rows.js'

/** A user with what its password is checked against; `secret` is null for one who has none. */
export type LoginRow = UserRow & { readonly secret: string | null }

/** Who logs in with an e-mail address, in its normal form. */
export const selectLogin = (tenantId: string, emailKey: string): Statement<LoginRow> => ({
  name: 'select-login',
  text: `select u.*, c.secret from @.users u
         left join @.credentials c on c.tenant_id = u.tenant_id and c.user_id = u.user_id and c.kind = 'password'
         where u.tenant_id = $1 and u.email_key = $2 and u.status <> 'deleted'`,
  values: [tenantId, emailKey],
})
