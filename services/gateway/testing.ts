import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import type { GatewayDeps } from './service.js'
import { openGateway } from './service.js'
import { createRateLimit } from './rate-limit.js'
import type { Call } from '../platform/mesh/call.js'
import { routes } from '../platform/mesh/rpc.js'
import type { CallState } from '../platform/mesh/state.js'
import { createTokenVerifier } from '../platform/mesh/tokens.js'
import {
  AUDIENCE,
  createTestMesh,
  everyonesFacts,
  fakeAuthorizer,
  ISSUER,
  memoryJournal,
  openSealer,
  REGION,
  silentMetrics,
  TRUST_DOMAIN,
} from '../platform/mesh/testing.js'
import { createChecks } from '../platform/mesh/validation.js'
import { serviceSpiffeId } from '../platform/mesh/workload.js'

export const GET_RECORD = '/tenantry.data.v1.RecordService/GetRecord'

const never = () => Promise.reject(new Error('not called'))
const unlimited = createRateLimit({ perSecond: 1e9, burst: 1e9 })

export interface EdgeFixtureOptions {
  readonly maxMessageBytes?: number
  readonly deps?: Partial<GatewayDeps>
  readonly getRecord?: (request: unknown, call: Call) => Promise<object>
}

/** A gateway as it ships before a data service in a mesh of its own; what the service was called with is in `seen`. Close it. */
export const openEdge = async ({ maxMessageBytes = 64 * 1024, deps = {}, getRecord }: EdgeFixtureOptions = {}) => {
  const seen: CallState[] = []
  const serveRecord = (request: unknown, call: Call): Promise<object> => {
    seen.push(call as CallState)
    return getRecord?.(request, call) ?? Promise.resolve({})
  }
  const mesh = await createTestMesh({
    routes: routes(RecordService, {
      createRecord: never,
      getRecord: serveRecord,
      listRecords: never,
      updateRecord: never,
      deleteRecord: never,
      batchWriteRecords: never,
      importRecords: never,
      exportRecords: never,
    } as never),
  })
  const spiffeId = serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway')
  const upstream = mesh.connect(spiffeId)
  const memory = memoryJournal()
  const certificate = mesh.authority.issue({ ttlMs: 3_600_000 })
  const log = pino({ level: 'silent' })
  const gateway = await openGateway({
    ports: {
      region: REGION,
      log,
      tracer: trace.getTracer('test'),
      metrics: silentMetrics,
      journal: memory.journal,
      sealer: openSealer,
      facts: everyonesFacts,
      authorizer: fakeAuthorizer(),
      tokens: createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks: mesh.keys.jwks }),
      mayForward: () => false,
      unrecorded: new Set(),
      checks: createChecks(),
      graceMs: 0,
      streamDecisionMs: 0,
      maxMessageBytes,
    },
    spiffeId,
    upstreams: () => upstream.raw,
    limits: { tenant: unlimited, address: unlimited },
    certificate: { current: () => certificate, onChange: () => () => undefined },
    host: '127.0.0.1',
    port: 0,
    corsOrigins: [],
    maxConnections: 100,
    capMs: { unary: 10_000, stream: 60_000 },
    refusalWindowMs: 60_000,
    jwks: () => Promise.resolve('{"keys":[]}'),
    ready: () => true,
    log,
    ...deps,
  })
  let open = true
  return {
    port: gateway.port,
    ca: mesh.authority.ca,
    mesh,
    seen,
    upstream,
    /** Of the gateway's own journal. */
    ...memory,
    token: mesh.token,
    closeGateway: async (graceMs = 1_000) => {
      if (open) await gateway.close(graceMs)
      open = false
    },
    close: async () => {
      if (open) await gateway.close(100)
      open = false
      await mesh.close()
    },
  }
}

export type EdgeFixture = Awaited<ReturnType<typeof openEdge>>
