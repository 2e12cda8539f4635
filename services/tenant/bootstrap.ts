import type { PublicKey } from '../platform/keys/key-store.js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import type { Database } from '../platform/postgres/database.js'
import { emitting } from '../platform/postgres/emitting.js'
import { systemCall } from '../platform/postgres/system-call.js'
import type { TenantDeps } from './deps.js'
import { tenantEvent } from './events.js'
import { insertSlug } from './store/insert-slug.js'
import { insertTenant } from './store/insert-tenant.js'
import { selectTenant } from './store/select-tenant.js'
import { updatePublicKey } from './store/update-tenant.js'

/** What the platform tenant is made with; no running service is needed for it. */
export type BootstrapDeps = Pick<TenantDeps, 'region' | 'self'> & { readonly db: Database }

/** The platform tenant's row, with its key: made at the first start, found at every other. Its key never changes. */
export const ensurePlatformTenant = async ({ db, region, self }: BootstrapDeps, key: PublicKey): Promise<void> => {
  const call = systemCall({ tenant: PLATFORM_TENANT, region, workload: self })
  const [[present]] = await db.run(call, selectTenant(PLATFORM_TENANT))
  if (present) return
  const row = {
    tenant_id: PLATFORM_TENANT,
    slug: 'platform',
    display_name: 'Platform',
    status: 'active',
    tier: 'standard',
    placement: 'pool',
    region,
  } as const
  const event = (change: 'created' | 'prepared', fields: readonly string[]) => {
    const draft = tenantEvent(change, PLATFORM_TENANT, fields)
    return { ...draft, ...call.nextEvent(draft), sealed: [] }
  }
  await db.run(
    call,
    insertSlug(row.slug, PLATFORM_TENANT),
    emitting(insertTenant(row), event('created', ['slug', 'display_name', 'status', 'tier', 'placement', 'region']), call),
    emitting(updatePublicKey(PLATFORM_TENANT, key.publicKey, key.keyId), event('prepared', ['public_key', 'public_key_id']), call),
  )
}
