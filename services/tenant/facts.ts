import { create } from '@bufbuild/protobuf'
import { FactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { FactTable } from '../platform/facts/fact-owner.js'
import type { TenantRow } from './store/rows.js'
import { SELECT_TENANT_FACTS } from './store/tenant-facts.js'

/** Tenants as facts: what the platform's decisions, placements and seals depend on. */
export const tenantFacts: FactTable<TenantRow> = {
  name: 'tenant',
  select: SELECT_TENANT_FACTS,
  toFact: (row) =>
    create(FactSchema, {
      fact: {
        case: 'tenant',
        value: {
          tenantId: row.tenant_id,
          version: BigInt(row.version),
          slug: row.slug,
          status: row.status,
          tier: row.tier,
          region: row.region,
          placement: row.placement,
          ...(row.public_key ? { publicKey: row.public_key, publicKeyId: row.public_key_id ?? '' } : {}),
        },
      },
    }),
}
