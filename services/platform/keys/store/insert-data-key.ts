import type { KeyQuery } from './rows.js'

/** A data key, if there is none for the purpose: the first one stays. */
export const insertDataKey = (tenantId: string, purpose: string, keyId: string, wrapped: Uint8Array): KeyQuery => ({
  name: 'insert-data-key',
  text: `insert into pool.data_key (tenant_id, purpose, key_id, wrapped) values ($1, $2, $3, $4) on conflict do nothing`,
  values: [tenantId, purpose, keyId, wrapped],
})
