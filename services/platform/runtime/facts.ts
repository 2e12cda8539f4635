import type { Logger } from 'pino'
import { FactService } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Config } from '../config/schema.js'
import { createFacts } from '../facts/create-facts.js'
import type { FactsModel } from '../facts/create-facts.js'
import { createFactOwner } from '../facts/fact-owner.js'
import type { FactSource } from '../facts/owner-lease.js'
import type { MeshClient } from '../mesh/client.js'
import type { WorkerPool } from '../postgres/worker-pool.js'
import type { MetricsRegistry } from '../telemetry/metrics.js'
import { factMetrics } from './platform-metrics.js'
import type { ServiceAssembly } from './service.js'

/** Who owns facts. */
const OWNERS = ['identity', 'tenant'] as const

export interface FactsParts {
  readonly config: Config
  readonly assembly: ServiceAssembly
  readonly peer: (service: (typeof OWNERS)[number]) => MeshClient
  readonly relayPool: () => WorkerPool
  readonly registry: MetricsRegistry
  readonly log: Logger
}

/**
 * The read model of a service: each owner is asked over the mesh, and in an owner its own part comes from its own database. `leave`: the process is
 * about to stop.
 */
export const openFacts = ({ config, assembly, peer, relayPool, registry, log }: FactsParts): { facts: FactsModel; leave(): void } => {
  const source = (name: (typeof OWNERS)[number]): FactSource => {
    if (assembly.name === name) {
      if (assembly.factTables === undefined) throw new Error(`${name} owns facts but says not which`)
      return { name, ...createFactOwner({ pool: relayPool(), tables: assembly.factTables }) }
    }
    const client = peer(name).client(FactService)
    return { name, renew: (cursor, deadline) => client.renew({ cursor }, { deadline }) }
  }
  const metrics = factMetrics(registry, OWNERS)
  let leaving = false
  const facts = createFacts({
    owners: OWNERS.map(source),
    leaseMs: config.factsLeaseMs,
    renewMs: config.factsRenewMs,
    // While all leave, owners are gone before those who ask them: no news then.
    log: {
      warn: (...entry: Parameters<Logger['warn']>) => (leaving ? undefined : log.warn(...entry)),
      info: log.info.bind(log),
    } as Pick<Logger, 'warn' | 'info'>,
    onRenewal: metrics.renewal,
  })
  metrics.watch(() => facts.age())
  return {
    facts,
    leave: () => {
      leaving = true
    },
  }
}
