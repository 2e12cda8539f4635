import type { KeyQuery } from './rows.js'

/** `KekRow`, or none. */
export const selectKek = (tenantId: string): KeyQuery => ({
  name: 'select-kek',
  text: `select kms_key, wrapped from pool.kek where tenant_id = $1`,
  values: [tenantId],
})
