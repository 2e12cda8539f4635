import type { ServerInterceptingCall, ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js'
import { Server, status as Code } from '@grpc/grpc-js'
import type { DescMethod } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { FactService } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { MethodAuthorizationSchema } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import { readArrival } from './arrival.js'
import type { CertificateSource } from './certificates/source.js'
import type { Link, Run } from './chain.js'
import { CHAIN, compose } from './chain.js'
import { startDeadline } from './deadline.js'
import { AppError } from './errors.js'
import type { Arrival, Peer } from './exchange.js'
import { GrpcExchange } from './grpc-exchange.js'
import { describeError } from './links/error-boundary.js'
import type { Listener } from './listener.js'
import { listen } from './listener.js'
import type { MeshMethod } from './method.js'
import { UNKNOWN_METHOD } from './method.js'
import type { ChainPorts } from './ports.js'
import type { Route } from './rpc.js'
import { CallState } from './state.js'
import type { Answer } from './status.js'
import { answerError, INTERNAL_MESSAGE } from './status.js'

/** A method with its RPC, and the ports where they are not the server's. */
export interface MeshRoute extends Omit<Route, 'method'> {
  readonly method: MeshMethod
  readonly ports?: ChainPorts
}

export interface ServerLimits {
  /** Longest time of a unary call, milliseconds. */
  readonly deadlineMs: number
  /** Longest time of a stream. */
  readonly streamDeadlineMs: number
  readonly maxMessageBytes: number
  readonly maxConcurrentStreams: number
  readonly keepaliveMs: number
  readonly keepaliveTimeoutMs: number
  readonly maxConnectionAgeMs: number
  readonly connectionGraceMs: number
  readonly handshakeTimeoutMs: number
}

export const LIMITS: ServerLimits = {
  deadlineMs: 30_000,
  streamDeadlineMs: 600_000,
  maxMessageBytes: 4 * 1024 * 1024,
  maxConcurrentStreams: 1_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  maxConnectionAgeMs: 30 * 60_000,
  connectionGraceMs: 30_000,
  handshakeTimeoutMs: 10_000,
}

export interface ServerOptions {
  readonly routes: readonly MeshRoute[]
  readonly ports: ChainPorts
  readonly source: CertificateSource
  readonly trustDomain: string
  readonly host: string
  readonly port: number
  readonly limits: ServerLimits
  readonly links?: readonly Link[]
  onRefused?(): void
}

interface Served {
  readonly method: MeshMethod
  readonly run: Run
  readonly capMs: number
  readonly single: boolean
}

/** Where calls of methods that don't exist are sent, so that they too are recorded and have their trailers. */
const FALLBACK_PATH = `/${UNKNOWN_METHOD}`

const unknownMethod = (): MeshMethod => ({
  desc: FactService.method.renew as DescMethod,
  name: UNKNOWN_METHOD,
  path: FALLBACK_PATH,
  option: create(MethodAuthorizationSchema),
  sideEffects: 'some',
  tenantOf: () => undefined,
  resourceOf: () => '',
  attributesOf: () => ({}),
})

const refuseUnknown: Link = {
  name: 'unknown-method',
  wrap: () => () => Promise.reject(new AppError('UNKNOWN_METHOD', 'no such method')),
}

/** What grpc-js runs its own handler on: nothing ever arrives there, because the exchange below reads the call. */
const INERT = {
  start: () => undefined,
  sendMetadata: () => undefined,
  sendMessage: () => undefined,
  sendStatus: () => undefined,
  startRead: () => undefined,
} as unknown as ServerInterceptingCall

const identity = (bytes: Buffer): Buffer => bytes

/**
 * One gRPC server over mTLS. Requests reach the chain as bytes, at once when their headers arrive: all that is the same for every call happens in the chain,
 * composed once per method.
 */
export const serve = async (options: ServerOptions): Promise<Listener> => {
  const { ports, limits, links = CHAIN } = options
  const served = new Map<string, Served>()
  for (const { method, rpc, ports: own = ports } of options.routes) {
    if (served.has(method.path)) throw new Error(`${method.name} is served twice`)
    const kind = method.desc.methodKind
    served.set(method.path, {
      method,
      run: compose(method, rpc, own, links),
      capMs: kind === 'unary' ? limits.deadlineMs : limits.streamDeadlineMs,
      single: kind === 'unary' || kind === 'server_streaming',
    })
  }
  const unknown = unknownMethod()
  const beforeValidate = links.slice(
    0,
    Math.max(
      0,
      links.findIndex(({ name }) => name === 'validate'),
    ),
  )
  served.set(FALLBACK_PATH, {
    method: unknown,
    run: compose(unknown, () => Promise.resolve({}), ports, [...beforeValidate, refuseUnknown]),
    capMs: limits.deadlineMs,
    single: true,
  })

  // Set by the listener for the call that grpc-js makes next, in the same turn.
  let arriving: { arrival: Arrival; peer: Peer } | undefined

  const begin: ServerInterceptor = (definition, call) => {
    const arrived = arriving
    arriving = undefined
    const found = served.get(definition.path)
    // A call that the listener did not announce has no identity: it is not served.
    if (arrived === undefined || found === undefined) call.sendStatus({ code: Code.INTERNAL, details: INTERNAL_MESSAGE, metadata: null })
    else {
      conduct(found, call, arrived.arrival, arrived.peer).catch((error: unknown) => {
        ports.log.error({ err: describeError(error), method: found.method.name }, 'the answer could not be sent')
      })
    }
    return INERT
  }

  const conduct = async ({ method, run, capMs, single }: Served, raw: ServerInterceptingCallInterface, arrival: Arrival, peer: Peer) => {
    const deadline = startDeadline(arrival.timeoutMs, capMs)
    const exchange = new GrpcExchange(raw, arrival, peer, deadline, single)
    const call = new CallState(method, ports, deadline, arrival, peer)
    let answer: Answer
    try {
      answer = await run(call, exchange)
    } catch (error) {
      // The links answer whatever happens; what comes here is a fault of theirs.
      ports.log.error({ err: describeError(error), method: method.name }, 'the chain failed')
      answer = answerError(new AppError('INTERNAL', '', { cause: error }), call.decisionId)
    }
    exchange.finish(answer, {
      'tenantry-decision-id': Buffer.from(call.decisionId).toString('hex'),
      'tenantry-trace-id': call.traceId,
    })
  }

  const server = new Server({
    interceptors: [begin],
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_send_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  })
  for (const path of served.keys()) server.register(path, () => undefined, identity, identity, 'unary')

  return listen({
    server,
    source: options.source,
    trustDomain: options.trustDomain,
    host: options.host,
    port: options.port,
    log: ports.log,
    maxConnectionAgeMs: limits.maxConnectionAgeMs,
    connectionGraceMs: limits.connectionGraceMs,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    onRefused: options.onRefused?.bind(options),
    onStream(headers, rawHeaders, peer) {
      const arrival = readArrival(headers, rawHeaders)
      if (!served.has(arrival.path) || arrival.path === FALLBACK_PATH) headers[':path'] = FALLBACK_PATH
      arriving = { arrival, peer }
    },
  })
}
