import type { CertificateSource } from './certificates/source.js'
import { createRefusals } from './audit/refusals.js'
import type { Workload } from './call.js'
import { createHealth, peerAuthorizer } from './health.js'
import { meshMethod } from './method.js'
import type { ChainPorts } from './ports.js'
import { reflectionRoutes } from './reflection.js'
import type { Route } from './rpc.js'
import type { ServerLimits } from './server.js'
import { LIMITS, serve } from './server.js'
import type { TokenOptions } from './tokens.js'
import { createTokenVerifier } from './tokens.js'
import { createChecks } from './validation.js'

/** What a service gives to serve its RPCs in the mesh. */
export interface MeshOptions extends Pick<
  ChainPorts,
  'service' | 'region' | 'log' | 'tracer' | 'metrics' | 'journal' | 'sealer' | 'facts' | 'platformKey' | 'authorizer' | 'mayForward'
> {
  readonly routes: readonly Route[]
  readonly source: CertificateSource
  readonly trustDomain: string
  /** How access tokens are verified. */
  readonly tokens: TokenOptions
  /** Which workloads may ask for reflection. */
  mayReflect(workload: Workload): boolean
  /** Database, bundle, keys, facts: whatever the service needs to answer. */
  ready(): boolean | Promise<boolean>
  /** Loopback when left out. */
  readonly host?: string
  /** 0 picks a free one. */
  readonly port: number
  readonly limits?: Partial<ServerLimits>
  /** Further methods that are counted, not recorded. */
  readonly unrecorded?: readonly string[]
  readonly refusalWindowMs?: number
  readonly graceMs?: number
  readonly streamDecisionMs?: number
  /** A connection was closed because of its certificate. */
  onRefused?(): void
}

export interface MeshServer {
  readonly port: number
  /** `host:port`, to dial. */
  readonly address: string
  /** Whether `grpc.health.v1` says SERVING. */
  readonly serving: boolean
  /** Looks at readiness now rather than at the next tick. */
  look(): Promise<void>
  /** Leaves rotation, stops accepting, lets calls in flight end, writes what audit still holds. Milliseconds for the calls in flight. */
  close(graceMs?: number): Promise<void>
}

/** Renewals of facts come several times a second from every replica; health checks from every prober. */
const UNRECORDED = ['tenantry.facts.v1.FactService/Renew', 'grpc.health.v1.Health/Check', 'grpc.health.v1.Health/Watch']

/** Serves a service's RPCs over mTLS through the chain, with health and reflection beside them: the one way in which all services serve. */
export const serveMesh = async (options: MeshOptions): Promise<MeshServer> => {
  const { service, journal, trustDomain, source, host = '127.0.0.1' } = options
  const limits = { ...LIMITS, ...options.limits }
  const refusals = createRefusals({ service, journal, windowMs: options.refusalWindowMs ?? 5_000 })
  const ports: ChainPorts = {
    service,
    region: options.region,
    log: options.log,
    tracer: options.tracer,
    metrics: options.metrics,
    journal,
    sealer: options.sealer,
    facts: options.facts,
    platformKey: options.platformKey,
    authorizer: options.authorizer,
    mayForward: (spiffeId) => options.mayForward(spiffeId),
    tokens: createTokenVerifier(options.tokens),
    unrecorded: new Set([...UNRECORDED, ...(options.unrecorded ?? [])]),
    refusals,
    checks: createChecks(),
    graceMs: options.graceMs ?? 2_500,
    streamDecisionMs: options.streamDecisionMs ?? 1_000,
    maxMessageBytes: limits.maxMessageBytes,
  }
  const own = options.routes.map(({ method, rpc }) => ({ method: meshMethod(method), rpc }))
  const health = createHealth({
    services: [...new Set(own.map(({ method }) => method.desc.parent.typeName))],
    ready: async () => journal.healthy && (await options.ready()),
  })
  const anyone = { ...ports, authorizer: peerAuthorizer(() => true) }
  const reflectors = { ...ports, authorizer: peerAuthorizer((call) => options.mayReflect(call.workload)) }
  const probes = health.routes.map((route) => ({ ...route, ports: anyone }))
  const reflection = reflectionRoutes([...own, ...probes].map(({ method }) => method)).map((route) => ({ ...route, ports: reflectors }))
  const listener = await serve({
    routes: [...own, ...probes, ...reflection],
    ports,
    source,
    trustDomain,
    host,
    port: options.port,
    limits,
    onRefused: () => options.onRefused?.(),
  })
  await health.look()
  return {
    port: listener.port,
    address: `${host.includes(':') ? `[${host}]` : host}:${listener.port}`,
    get serving() {
      return health.serving
    },
    look: () => health.look(),
    async close(graceMs = 10_000) {
      health.leave()
      await listener.drain(graceMs)
      health.close()
      await refusals.close()
    },
  }
}
