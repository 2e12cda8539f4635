import { startRelay } from '../events/relay.js'
import type { Relay } from '../events/relay.js'
import type { MeshServer } from '../mesh/service.js'
import { serveMesh } from '../mesh/service.js'
import { mayForward } from '../policy/may-forward.js'
import { serveHealth } from '../telemetry/http.js'
import { counter } from '../telemetry/metrics.js'
import { edgeSource } from './certificates.js'
import { metricsPortOf, portOf } from './endpoints.js'
import type { Host } from './host.js'
import { relayMetrics } from './platform-metrics.js'
import { openRuntime } from './runtime.js'
import type { OpenRuntime } from './runtime.js'
import type { OpenedService, ServiceAssembly } from './service.js'
import { startRequestSweeper } from './sweep-requests.js'

/** A service that serves. Its end has stages, so that whoever runs several can end each stage of all before the next. */
export interface RunningService {
  readonly name: ServiceAssembly['name']
  readonly port: number
  readonly metricsPort: number
  /** What it needs to take calls, and what of it is there. */
  checks(): Promise<Record<string, boolean>>
  /** Before any service of the process drains. */
  leave(): void
  /** Leaves rotation and lets calls under way end. */
  drain(): Promise<void>
  /** Sends what waits in the outbox. */
  stopRelay(): Promise<void>
  /** Background work, connections, telemetry. */
  close(): Promise<void>
}

/** Opens a service on a runtime of its own and serves it: mesh (or, the gateway, its edge), outbox relay, metrics and health. */
export const runService = async (host: Host, assembly: ServiceAssembly): Promise<RunningService> => {
  const { name } = assembly
  const { config } = host
  const runtime = await openRuntime(host, assembly)
  try {
    const service = await assembly.open(runtime)
    runtime.setJwks(service.jwks?.bind(service))
    const checks = async (): Promise<Record<string, boolean>> => ({
      policy: host.decisionPoint.ready,
      journal: host.journal.healthy,
      facts: runtime.facts.fresh(),
      keys: runtime.jwks.ready,
      ...(await service.checks?.()),
    })
    const ready = async () => Object.values(await checks()).every(Boolean)
    const server = await serve({ runtime, service, host, ready })
    const relay = assembly.migrations === undefined ? undefined : relayOf(runtime)
    const sweeper = assembly.migrations === undefined ? undefined : startRequestSweeper(runtime.relayPool, runtime.log)
    const health = await serveHealth({ registry: runtime.registry, port: metricsPortOf(config, name), checks })
    return {
      name,
      port: server.port,
      metricsPort: health.port,
      checks,
      leave: () => runtime.leave(),
      drain: () => server.close(config.drainMs),
      stopRelay: async () => {
        await sweeper?.close()
        await relay?.close()
      },
      close: async () => {
        await service.close()
        await health.close()
        await runtime.close()
      },
    }
  } catch (error) {
    await runtime.close()
    throw error
  }
}

const relayOf = ({ relayPool, eventLog, service, tracer, log, registry }: OpenRuntime): Relay => {
  const metrics = relayMetrics(registry)
  return startRelay({ pool: relayPool, eventLog, service, tracer, log, onMeasure: metrics.measured, onSent: metrics.sent })
}

interface ServeParts {
  readonly runtime: OpenRuntime
  readonly service: OpenedService
  readonly host: Host
  readonly ready: () => Promise<boolean>
}

const serve = async ({ runtime, service, host, ready }: ServeParts): Promise<Pick<MeshServer, 'port' | 'close'>> => {
  const { config, decisionPoint, journal } = host
  const at = { host: config.host, port: portOf(config, runtime.service) }
  if (service.serve !== undefined) return service.serve({ ...at, edge: await edgeSource(host, runtime.log) })
  const refused = counter(runtime.registry, 'tenantry_connections_refused', 'Connections closed because of their certificate', [], [{}])
  return serveMesh({
    ...at,
    service: runtime.service,
    region: runtime.region,
    log: runtime.log,
    tracer: runtime.tracer,
    metrics: runtime.chainMetrics,
    journal,
    sealer: runtime.sealer,
    facts: runtime.facts,
    platformKey: () => host.platformKey,
    authorizer: runtime.authorizer,
    mayForward: mayForward(decisionPoint),
    mayReflect: (workload) => runtime.authorizer.decideAction('platform.reflection.read', workload).allow,
    routes: service.routes,
    source: runtime.source,
    trustDomain: config.trustDomain,
    tokens: runtime.tokens,
    limits: { deadlineMs: config.maxDeadlineMs },
    ready,
    onRefused: () => refused.inc(),
  })
}
