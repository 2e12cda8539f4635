import type { KeyQuery } from './rows.js'

/** `WrappedRow`; the role keys_audit alone may read it. */
export const selectPrivateHalf = (tenantId: string, keyId: string): KeyQuery => ({
  name: 'select-private-half',
  text: `select wrapped from pool.private_half where tenant_id = $1 and key_id = $2`,
  values: [tenantId, keyId],
})
