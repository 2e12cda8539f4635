import type { DescFile, DescService } from '@bufbuild/protobuf'
import type { Logger } from 'pino'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { PolicyService } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { OperationService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { createRefusals } from '../platform/mesh/audit/refusals.js'
import { compose } from '../platform/mesh/chain.js'
import type { Link } from '../platform/mesh/chain.js'
import { errorBoundary } from '../platform/mesh/links/error-boundary.js'
import { telemetry } from '../platform/mesh/links/telemetry.js'
import type { ChainPorts } from '../platform/mesh/ports.js'
import type { EdgeCertificate, EdgeServer } from './edge-server.js'
import { startEdgeServer } from './edge-server.js'
import { edgeRoutes } from './edge-router.js'
import { authenticateEdge } from './links/authenticate.js'
import type { Upstreams } from './links/forward.js'
import { forward } from './links/forward.js'
import type { EdgeLimits } from './links/limit.js'
import { limitAddress, limitTenant } from './links/limit.js'
import { recordRefusals } from './links/record-refusals.js'

/** Every public service; of each, the methods that say EDGE are served. */
export const EDGE_SERVICES: readonly DescService[] = [
  SessionService,
  UserService,
  RoleService,
  TenantService,
  OperationService,
  CollectionService,
  RecordService,
  PolicyService,
  AuditService,
]

export interface GatewayDeps {
  readonly ports: Omit<ChainPorts, 'refusals' | 'service'>
  readonly spiffeId: string
  readonly upstreams: Upstreams
  readonly limits: EdgeLimits
  readonly certificate: EdgeCertificate
  readonly host: string
  readonly port: number
  readonly corsOrigins: readonly string[]
  readonly maxConnections: number
  /** Longest time of a call, in milliseconds. */
  readonly capMs: { readonly unary: number; readonly stream: number }
  readonly refusalWindowMs: number
  /** The issuer's JWK Set, as JSON. */
  readonly jwks: () => Promise<string>
  readonly ready: () => boolean
  readonly log: Logger
}

/** What stands around a call at the edge, outermost first. The first links are the mesh's own. */
export const edgeChain = (limits: EdgeLimits, upstreams: Upstreams): readonly Link[] => [
  telemetry,
  recordRefusals,
  errorBoundary,
  limitAddress(limits),
  authenticateEdge,
  limitTenant(limits),
  forward(upstreams),
]

export interface Gateway extends Pick<EdgeServer, 'port'> {
  close(graceMs?: number): Promise<void>
}

/** How long an answer of the issuer is given to all who ask for it. */
const JWKS_MS = 5_000

/** One question for all who ask at once or soon after: nobody needs a token for this page, so it must not become a call of the mesh for each request. */
const kept = (ask: () => Promise<string>, keepMs: number): (() => Promise<string>) => {
  let answer: Promise<string> | undefined
  let until = 0
  return () => {
    if (answer !== undefined && performance.now() < until) return answer
    until = performance.now() + keepMs
    const asked = ask()
    answer = asked
    // A failure is told to those who waited for it, and asked anew after.
    asked.catch(() => {
      if (answer === asked) answer = undefined
    })
    return asked
  }
}

/** The only door for browsers and tenants. */
export const openGateway = async (deps: GatewayDeps): Promise<Gateway> => {
  const refusals = createRefusals({ service: 'gateway', journal: deps.ports.journal, windowMs: deps.refusalWindowMs })
  const ports: ChainPorts = { ...deps.ports, service: 'gateway', refusals }
  const links = edgeChain(deps.limits, deps.upstreams)
  const unserved = () => Promise.reject(new Error('the edge only forwards'))
  const json = { 'content-type': 'application/json', 'cache-control': 'public, max-age=60' }
  const jwksPage = kept(deps.jwks, JWKS_MS)
  const server = await startEdgeServer({
    host: deps.host,
    port: deps.port,
    certificate: deps.certificate,
    corsOrigins: new Set(deps.corsOrigins),
    maxMessageBytes: ports.maxMessageBytes,
    maxTimeoutMs: deps.capMs.stream,
    maxConnections: deps.maxConnections,
    log: deps.log,
    files: EDGE_SERVICES.map((service): DescFile => service.file),
    routes: edgeRoutes({
      services: EDGE_SERVICES,
      origin: ports,
      spiffeId: deps.spiffeId,
      capMs: deps.capMs,
      compose: (method) => compose(method, unserved, ports, links),
    }),
    pages: {
      '/healthz': (response) => {
        const ready = deps.ready()
        response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        response.end(ready ? '{"status":"SERVING"}' : '{"status":"NOT_SERVING"}')
      },
      '/.well-known/jwks.json': async (response) => {
        try {
          const jwks = await jwksPage()
          response.writeHead(200, json).end(jwks)
        } catch {
          response.writeHead(503, { 'content-type': 'application/json' }).end('{"status":"UNAVAILABLE"}')
        }
      },
    },
  })
  return {
    port: server.port,
    close: async (graceMs = 10_000) => {
      await server.close(graceMs)
      await refusals.close()
    },
  }
}
