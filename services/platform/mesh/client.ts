import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import type { CertificateSource } from './certificates/source.js'
import { openChannels } from './client/channels.js'
import type { CallOptions } from './client/options.js'
import type { RawClient } from './client/raw.js'
import { createRawClient } from './client/raw.js'
import { AppError } from './errors.js'
import { serviceSpiffeId } from './workload.js'

export type { CallOptions, Trailers } from './client/options.js'
export { asItself, onBehalfOf, traceparentOf } from './client/options.js'
export type { RawClient } from './client/raw.js'

/** One RPC as its caller sees it. It answers, or throws an AppError with the reason that the service gave. */
export type ClientRpc<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : never

export type ServiceClient<T extends GenServiceMethods> = { [K in keyof T]: ClientRpc<GenService<T>['method'][K]> }

export interface MeshClientOptions {
  readonly source: CertificateSource
  /** As `127.0.0.1:9443`. */
  readonly target: string
  readonly trustDomain: string
  /** The service that must answer, in any of our regions or in `region`; or a test of its SPIFFE id. */
  readonly expect: { readonly service: string; readonly region: string } | ((spiffeId: string) => boolean)
  readonly channels?: number
  /** Milliseconds, for calls that bring no deadline. */
  readonly timeoutMs?: number
  readonly maxMessageBytes?: number
  readonly keepaliveMs?: number
  readonly resets?: { readonly burst: number; readonly perSecond: number }
  /** Attempts of a method that may be repeated, the first included. */
  readonly attempts?: number
}

export interface MeshClient {
  /** A typed client of one service. */
  client<T extends GenServiceMethods>(service: GenService<T>): ServiceClient<T>
  readonly raw: RawClient
  /** Whether a connection stands now. */
  readonly connected: boolean
  /** Resolves when one does; rejects after `ms`. */
  ready(ms: number): Promise<void>
  /** Calls in flight end by themselves. */
  close(): void
}

const REPEATABLE = new Set([MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS, MethodOptions_IdempotencyLevel.IDEMPOTENT])

const pause = (ms: number, options: CallOptions): Promise<void> =>
  new Promise((resolve) => {
    const signal = options.signal ?? options.deadline?.signal
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })

/** Repeats what is UNAVAILABLE, with growing, jittered pauses, while there is time. */
const repeating = async <T>(attempts: number, options: CallOptions, attempt: () => Promise<T>): Promise<T> => {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      const wait = 25 * 2 ** count * (0.5 + Math.random())
      const left = options.deadline?.remaining() ?? options.timeoutMs ?? Infinity
      if (!(error instanceof AppError) || error.code !== Code.UNAVAILABLE || count >= attempts || wait >= left) throw error
      await pause(wait, options)
    }
  }
}

async function* mapped<A, B>(items: AsyncIterable<A>, map: (item: A) => B): AsyncGenerator<B> {
  for await (const item of items) yield map(item)
}

/** A typed client of one service over bytes. `attempts` of a method that may be repeated, the first included. */
export const typedClient = <T extends GenServiceMethods>(raw: RawClient, service: GenService<T>, attempts: number): ServiceClient<T> => {
  const rpc = (method: DescMethod) => {
    const path = `/${method.parent.typeName}/${method.name}`
    const encode = (request: MessageInitShape<typeof method.input>) => toBinary(method.input, create(method.input, request))
    const decode = (bytes: Buffer) => fromBinary(method.output, bytes)
    const times = REPEATABLE.has(method.idempotency) ? attempts : 1
    type Init = MessageInitShape<typeof method.input>
    switch (method.methodKind) {
      case 'unary':
        return async (request: Init, call: CallOptions = {}) => {
          const bytes = encode(request)
          return decode(await repeating(times, call, () => raw.unary(path, bytes, call)))
        }
      case 'server_streaming':
        return (request: Init, call?: CallOptions) => mapped(raw.serverStream(path, encode(request), call), decode)
      case 'client_streaming':
        return async (requests: AsyncIterable<Init>, call?: CallOptions) =>
          decode(await raw.clientStream(path, mapped(requests, encode), call))
      case 'bidi_streaming':
        return (requests: AsyncIterable<Init>, call?: CallOptions) => mapped(raw.duplex(path, mapped(requests, encode), call), decode)
    }
  }
  return Object.fromEntries(Object.entries(service.method).map(([name, method]) => [name, rpc(method as DescMethod)])) as ServiceClient<T>
}

/**
 * A client of one target in the mesh: for services, the gateway and the command line alike. mTLS 1.3 with the source's certificate, renewed while it runs;
 * the server must show the expected SPIFFE id. Every call has a deadline. Only methods whose `idempotency_level` says so are repeated.
 */
export const createMeshClient = (options: MeshClientOptions): MeshClient => {
  const { trustDomain, expect, timeoutMs = 10_000, attempts = 4 } = options
  const wanted = typeof expect === 'function' ? undefined : serviceSpiffeId(trustDomain, expect.region, expect.service)
  const channels = openChannels({
    source: options.source,
    target: options.target,
    trustDomain,
    expect: typeof expect === 'function' ? expect : (spiffeId) => spiffeId === wanted,
    channels: options.channels ?? 2,
    maxMessageBytes: options.maxMessageBytes ?? 4 * 1024 * 1024,
    keepaliveMs: options.keepaliveMs ?? 30_000,
    resets: options.resets ?? { burst: 500, perSecond: 20 },
  })
  const raw = createRawClient(channels, timeoutMs)
  return {
    client: (service) => typedClient(raw, service, attempts),
    raw,
    get connected() {
      return channels.connected
    },
    ready: (ms) => channels.ready(ms),
    close: () => channels.close(),
  }
}
