import type { Statement } from '../../platform/postgres/statement.js'
import type { TenantRow } from './rows.js'

export type NewTenant = Pick<TenantRow, 'tenant_id' | 'slug' | 'display_name' | 'status' | 'tier' | 'placement' | 'region'>

/** Inserts a tenant at version 1. Its slug is taken by `insertSlug` in the same transaction. */
export const insertTenant = (tenant: NewTenant): Statement<TenantRow> => ({
  name: 'insert-tenant',
  text: `insert into @.tenant (tenant_id, version, slug, display_name, status, tier, placement, region)
         values ($1, 1, $2, $3, $4, $5, $6, $7) returning *`,
  values: [tenant.tenant_id, tenant.slug, tenant.display_name, tenant.status, tenant.tier, tenant.placement, tenant.region],
  rows: 1,
  writes: true,
})
