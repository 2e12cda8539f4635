import type { KeyQuery } from './rows.js'

/** `DataKeyRow`, or none. */
export const selectDataKey = (tenantId: string, purpose: string): KeyQuery => ({
  name: 'select-data-key',
  text: `select key_id, wrapped from pool.data_key where tenant_id = $1 and purpose = $2`,
  values: [tenantId, purpose],
})
