import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { sealDraft } from '../platform/events/prepare-draft.js'
import { createFactOwner } from '../platform/facts/fact-owner.js'
import type { Runtime } from '../platform/runtime/runtime.js'
import type { ServiceAssembly } from '../platform/runtime/service.js'
import { tenantFacts } from './facts.js'
import type { PrepareTenant } from './provision.js'
import { openTenantService } from './service.js'

/** How long one service may take for its part of a new tenant; the step is tried again after that. */
const PREPARE_MS = 20_000

const prepareAt =
  (runtime: Runtime, service: 'audit' | 'identity' | 'data'): PrepareTenant =>
  (request, signal) =>
    runtime.peer(service).client(TenancyService).prepareTenant(request, { timeoutMs: PREPARE_MS, signal })

/** The tenant service, from its runtime. Audit comes first: it makes the keys that everything later is sealed to. */
export const tenant: ServiceAssembly = {
  name: 'tenant',
  migrations: new URL('./migrations/', import.meta.url),
  factTables: [tenantFacts],
  open: (runtime) => {
    const { facts, sealer, region, log, pageTokens, config } = runtime
    const service = openTenantService({
      db: runtime.database(),
      region,
      self: { spiffeId: runtime.self.spiffeId, service: 'tenant' },
      log,
      pageTokens,
      seal: (draft, call) => sealDraft(draft, call, sealer, facts),
      prepare: [
        { step: 'keys', service: 'audit', prepare: prepareAt(runtime, 'audit') },
        { step: 'identity_space', service: 'identity', prepare: prepareAt(runtime, 'identity') },
        { step: 'data_placement', service: 'data', prepare: prepareAt(runtime, 'data') },
      ],
      requestKey: runtime.requestSecret,
      leaseMs: config.factsLeaseMs,
      factOwner: createFactOwner({ pool: runtime.relayPool, tables: [tenantFacts] }),
    })
    return Promise.resolve({
      routes: service.routes,
      checks: async () => ({ tenant: await service.ready() }),
      close: () => service.close(),
    })
  },
}
