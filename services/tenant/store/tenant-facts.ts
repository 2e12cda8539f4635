/** Tenants as the read model takes them, for the role that reads across them. */
export const SELECT_TENANT_FACTS = `select tenant_id, version, slug, status, tier, region, placement, public_key, public_key_id, changed_xid,
    tenant_id as fact_key from pool.tenant`
