import type { KeyQuery } from './rows.js'

/** The tenant's KEK, if it has none: the first one stays. */
export const insertKek = (tenantId: string, kmsKey: string, wrapped: Uint8Array): KeyQuery => ({
  name: 'insert-kek',
  text: `insert into pool.kek (tenant_id, kms_key, wrapped) values ($1, $2, $3) on conflict do nothing`,
  values: [tenantId, kmsKey, wrapped],
})
