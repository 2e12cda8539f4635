import { Client, ChannelCredentials } from '@grpc/grpc-js'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { CallOptions, RawClient } from '../platform/mesh/client.js'
import { typedClient } from '../platform/mesh/client.js'
import { createRawClient } from '../platform/mesh/client/raw.js'
import type { OpenEdge } from './context.js'
import { UsageError } from './usage-error.js'

/** Milliseconds that a call may take. */
const UNARY_MS = 30_000
const STREAM_MS = 600_000
/** Attempts of a method that may be repeated. */
const ATTEMPTS = 4

const targetOf = (gateway: string): string => {
  let url: URL
  try {
    url = new URL(gateway)
  } catch {
    throw new UsageError('--gateway: must be an https URL')
  }
  if (url.protocol !== 'https:') throw new UsageError('--gateway: must be an https URL')
  return `${url.hostname}:${url.port || '443'}`
}

/** The platform's own client against the gateway's HTTPS port: gRPC over TLS, the server known by its name and CA, the caller by its token. */
export const openEdge: OpenEdge = (gateway, ca, token) => {
  const context = createSecureContext({ ca: ca === undefined ? [...rootCertificates] : ca, minVersion: 'TLSv1.2' })
  const grpc = new Client(targetOf(gateway), ChannelCredentials.createFromSecureContext(context), {
    'grpc.enable_channelz': 0,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
  })
  const channel = { grpc, takeReset: () => true, enter: () => {}, leave: () => {} }
  const bytes = createRawClient({ pick: () => channel }, UNARY_MS)
  const raw = withToken(bytes, token)
  return {
    client: <T extends GenServiceMethods>(service: GenService<T>) => typedClient(raw, service, ATTEMPTS),
    close: () => grpc.close(),
  }
}

/** Asks for the token before each call: it may have to renew itself first. */
const withToken = (raw: RawClient, token: () => Promise<string | undefined>): RawClient => {
  const options = async (given: CallOptions | undefined, timeoutMs: number): Promise<CallOptions> => {
    const bearer = await token()
    return { timeoutMs, ...given, ...(bearer === undefined ? {} : { token: bearer }) }
  }
  return {
    unary: async (path, request, given) => raw.unary(path, request, await options(given, UNARY_MS)),
    clientStream: async (path, requests, given) => raw.clientStream(path, requests, await options(given, STREAM_MS)),
    serverStream: async function* (path, request, given) {
      yield* raw.serverStream(path, request, await options(given, STREAM_MS))
    },
    duplex: async function* (path, requests, given) {
      yield* raw.duplex(path, requests, await options(given, STREAM_MS))
    },
  }
}
