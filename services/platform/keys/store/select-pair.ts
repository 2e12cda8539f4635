import type { KeyQuery } from './rows.js'

/** `PairRow` of a user, or of the tenant itself (empty user id). */
export const selectPair = (tenantId: string, userId: string): KeyQuery => ({
  name: 'select-pair',
  text: `select key_id, public_key from pool.pair where tenant_id = $1 and user_id = $2`,
  values: [tenantId, userId],
})

/** `PairRow` by key. */
export const selectPublicKey = (tenantId: string, keyId: string): KeyQuery => ({
  name: 'select-public-key',
  text: `select key_id, public_key from pool.pair where tenant_id = $1 and key_id = $2`,
  values: [tenantId, keyId],
})
