import type { EventDraft } from '../platform/events/draft.js'
import { tenantName } from './map.js'

/** The whole fact of a tenant, in the JSON form of tenantry.facts.v1.Fact: what decisions everywhere are made from. */
const FACT = `jsonb_build_object('tenant', jsonb_strip_nulls(jsonb_build_object(
  'tenantId', changed.tenant_id, 'version', changed.version::text, 'slug', changed.slug, 'status', changed.status, 'tier', changed.tier,
  'region', changed.region, 'placement', changed.placement, 'publicKey', encode(changed.public_key, 'base64'), 'publicKeyId', changed.public_key_id)))`

export type TenantChange = 'created' | 'prepared' | 'provisioned' | 'updated' | 'suspended' | 'resumed'

/** The event of a change of a tenant, into that tenant's own log. */
export const tenantEvent = (change: TenantChange, tenantId: string, changedFields: readonly string[]): EventDraft => ({
  type: `tenantry.tenant.tenant.${change}.v1`,
  topic: 'facts',
  subject: tenantName(tenantId),
  tenant: tenantId,
  changedFields,
  factSql: FACT,
})

/** The event of a change of an operation, into the log of the tenant that it works on. */
export const operationEvent = (change: 'started' | 'finished' | 'failed', tenantId: string, operationId: string): EventDraft => ({
  type: `tenantry.tenant.operation.${change}.v1`,
  topic: 'changes',
  subject: `${tenantName(tenantId)}/operations/${operationId}`,
  tenant: tenantId,
})
