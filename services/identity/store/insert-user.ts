import type { Statement } from '../../platform/postgres/statement.js'
import type { UserRow } from './rows.js'

export interface NewUser {
  readonly tenantId: string
  readonly userId: string
  readonly email: string
  readonly emailKey: string
  readonly displayName: string
  readonly publicKey: Uint8Array
  readonly publicKeyId: string
}

export const EMAIL_TAKEN = { users_email_key: { reason: 'ALREADY_EXISTS', message: 'email: is taken in this tenant' } } as const

/** Inserts an active user at version 1; an e-mail address that another has is ALREADY_EXISTS. */
export const insertUser = (user: NewUser): Statement<UserRow> => ({
  name: 'insert-user',
  text: `insert into @.users (tenant_id, user_id, version, email, email_key, display_name, status, public_key, public_key_id)
         values ($1, $2, 1, $3, $4, $5, 'active', $6, $7) returning *`,
  values: [user.tenantId, user.userId, user.email, user.emailKey, user.displayName, Buffer.from(user.publicKey), user.publicKeyId],
  rows: 1,
  writes: true,
  constraints: EMAIL_TAKEN,
})
