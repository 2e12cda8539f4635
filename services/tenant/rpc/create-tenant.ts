import type { TenantService as Contract } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { CreateTenantRequestSchema, Tier } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { newId } from '../../platform/ids.js'
import { invalidField } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { runOnce } from '../../platform/postgres/once.js'
import type { TenantDeps } from '../deps.js'
import { acrossTenants } from '../deps.js'
import { operationEvent, tenantEvent } from '../events.js'
import { tenantName, toOperation } from '../map.js'
import { insertOperation } from '../store/insert-operation.js'
import { insertSlug } from '../store/insert-slug.js'
import { insertTenant } from '../store/insert-tenant.js'
import { selectOperationById } from '../store/select-operation.js'

/** Labels that would shadow the platform's own names. */
const RESERVED = new Set(['platform', 'www', 'api', 'admin', 'console', 'localhost'])

/** Writes the tenant, provisioning, and the operation that provisions it. Repeating a `request_id` answers with the same operation. */
export const createTenant =
  (deps: TenantDeps): Rpc<typeof Contract.method.createTenant> =>
  async (request, call) => {
    if (RESERVED.has(request.slug)) throw invalidField('slug', 'is reserved')
    const region = request.region || deps.region
    if (region !== deps.region) throw invalidField('region', 'is not a region of this platform')
    const tier = request.tier === Tier.PREMIUM ? 'premium' : 'standard'
    const tenantId = newId('ten')
    const operationId = newId('op')
    const tenant = {
      tenant_id: tenantId,
      slug: request.slug,
      display_name: request.displayName,
      status: 'provisioning',
      tier,
      placement: tier === 'premium' ? 'schema' : 'pool',
      region,
    } as const
    const operation = {
      tenant_id: tenantId,
      operation_id: operationId,
      type: 'tenant.provision',
      target: tenantName(tenantId),
      initiator: call.subject?.id ?? call.workload.spiffeId,
      steps: deps.prepare.map(({ step }) => ({ name: step, done: false, percent: 0 })),
    }
    const db = acrossTenants(call)
    const done = await runOnce(deps.db, db, { desc: CreateTenantRequestSchema, request, hmacKey: deps.requestKey }, async (attach) => {
      const created = tenantEvent('created', tenantId, ['slug', 'display_name', 'status', 'tier', 'placement', 'region'])
      const started = operationEvent('started', tenantId, operationId)
      const [, , [row]] = await deps.db.run(
        db,
        insertSlug(request.slug, tenantId),
        emitting(insertTenant(tenant), deps.seal(created, call), call),
        attach(emitting(insertOperation(operation), deps.seal(started, call), call), operationId),
      )
      return row!
    })
    deps.wake()
    if (!done.replayed) return { operation: toOperation(done.result), tenantId }
    const [[row]] = await deps.db.run(db, selectOperationById(done.kept.name))
    return { operation: toOperation(row!), tenantId: row!.tenant_id }
  }
