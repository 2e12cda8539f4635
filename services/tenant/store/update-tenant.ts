import type { Statement } from '../../platform/postgres/statement.js'
import type { TenantRow } from './rows.js'

/** Sets the display name if the version is still the one seen. */
export const updateDisplayName = (tenantId: string, version: bigint, displayName: string): Statement<TenantRow> => ({
  name: 'update-display-name',
  text: `update @.tenant set display_name = $3, version = version + 1, update_time = clock_timestamp(), changed_xid = pg_current_xact_id()
         where tenant_id = $1 and version = $2 returning *`,
  values: [tenantId, version.toString(), displayName],
  rows: 1,
  writes: true,
  onRows: { reason: 'ETAG_MISMATCH', message: 'etag: the tenant has changed since' },
})

/** Sets the status if the version is still the one seen. */
export const updateStatus = (tenantId: string, version: bigint, status: TenantRow['status']): Statement<TenantRow> => ({
  name: 'update-status',
  text: `update @.tenant set status = $3, version = version + 1, update_time = clock_timestamp(), changed_xid = pg_current_xact_id()
         where tenant_id = $1 and version = $2 returning *`,
  values: [tenantId, version.toString(), status],
  rows: 1,
  writes: true,
  onRows: { reason: 'ETAG_MISMATCH', message: 'etag: the tenant has changed since' },
})

/** Stores the public key that audit made, while the tenant is being provisioned. */
export const updatePublicKey = (tenantId: string, key: Uint8Array, keyId: string): Statement<TenantRow> => ({
  name: 'update-public-key',
  text: `update @.tenant set public_key = $2, public_key_id = $3, version = version + 1, update_time = clock_timestamp(), changed_xid = pg_current_xact_id()
         where tenant_id = $1 returning *`,
  values: [tenantId, Buffer.from(key), keyId],
  rows: 1,
  writes: true,
})
