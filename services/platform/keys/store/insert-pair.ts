import type { KeyQuery } from './rows.js'

/** A pair, if the tenant or user has none: both halves or neither. */
export const insertPair = (tenantId: string, userId: string, keyId: string, publicKey: Uint8Array, wrapped: Uint8Array): KeyQuery => ({
  name: 'insert-pair',
  text: `with made as (
           insert into pool.pair (tenant_id, user_id, key_id, public_key) values ($1, $2, $3, $4) on conflict do nothing returning key_id)
         insert into pool.private_half (tenant_id, key_id, wrapped) select $1, key_id, $5 from made`,
  values: [tenantId, userId, keyId, publicKey, wrapped],
})
