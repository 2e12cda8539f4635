import type { ServiceName } from '../platform/mesh/call.js'
import { LIMITS } from '../platform/mesh/server.js'
import { createTokenVerifier } from '../platform/mesh/tokens.js'
import { createChecks } from '../platform/mesh/validation.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Runtime } from '../platform/runtime/runtime.js'
import type { ServiceAssembly } from '../platform/runtime/service.js'
import type { Upstreams } from './links/forward.js'
import { createRateLimit } from './rate-limit.js'
import { openGateway } from './service.js'

/** A burst is what a second of the rate gives, twice. */
const limitOf = (perSecond: number) => createRateLimit({ perSecond, burst: perSecond * 2 })
const STREAM_MS = 600_000
const MAX_CONNECTIONS = 10_000
const REFUSAL_WINDOW_MS = 5_000

/** `tenantry.data.v1.RecordService` is served by data. */
const upstreamsOf =
  (runtime: Runtime): Upstreams =>
  ({ desc }) =>
    runtime.peer(desc.parent.file.proto.package.split('.')[1] as Exclude<ServiceName, 'gateway'>).raw

/** The gateway, from its runtime: it has no database, and serves the edge instead of the mesh. */
export const gateway: ServiceAssembly = {
  name: 'gateway',
  open: (runtime) => {
    const { config, region, log, tracer, chainMetrics, journal, sealer, facts, authorizer, tokens } = runtime
    return Promise.resolve({
      routes: [],
      serve: ({ host, port, edge }) =>
        openGateway({
          ports: {
            region,
            log,
            tracer,
            metrics: chainMetrics,
            journal,
            sealer,
            facts,
            platformKey: () => runtime.platformKey,
            authorizer,
            tokens: createTokenVerifier(tokens),
            mayForward: () => false,
            unrecorded: new Set(),
            checks: createChecks(),
            graceMs: 0,
            streamDecisionMs: 0,
            maxMessageBytes: LIMITS.maxMessageBytes,
          },
          spiffeId: runtime.self.spiffeId,
          upstreams: upstreamsOf(runtime),
          limits: { tenant: limitOf(config.rateLimitPerTenant), address: limitOf(config.rateLimitPerAddress) },
          certificate: edge,
          host,
          port,
          corsOrigins: config.corsOrigins,
          maxConnections: MAX_CONNECTIONS,
          capMs: { unary: config.maxDeadlineMs, stream: STREAM_MS },
          refusalWindowMs: REFUSAL_WINDOW_MS,
          jwks: async () => (await runtime.peer('identity').client(SessionService).getJwks({}, { timeoutMs: 2_000 })).jwks,
          ready: () => facts.fresh() && runtime.jwks.ready && journal.healthy,
          log,
        }),
      close: () => Promise.resolve(),
    })
  },
}
