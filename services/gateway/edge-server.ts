import type { AddressInfo, Socket } from 'node:net'
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import { createSecureServer } from 'node:http2'
import type { SecureContextOptions } from 'node:tls'
import type { DescFile } from '@bufbuild/protobuf'
import { createRegistry } from '@bufbuild/protobuf'
import type { ConnectRouter } from '@connectrpc/connect'
import { createConnectRouter, createContextValues } from '@connectrpc/connect'
import type { UniversalHandler } from '@connectrpc/connect/protocol'
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import type { Logger } from 'pino'
import type { EdgeRequest, EdgeResponse } from './cors.js'
import { handleCors } from './cors.js'
import type { EdgeArrival } from './edge-router.js'
import { EDGE_ARRIVAL } from './edge-router.js'
import { passedHeaders } from './headers.js'
import { serve } from './universal.js'

/** Certificate of the HTTPS port, and when it changes. */
export interface EdgeCertificate {
  current(): SecureContextOptions
  onChange(listener: () => void): () => void
}

export interface EdgeServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly certificate: EdgeCertificate
  readonly corsOrigins: ReadonlySet<string>
  readonly maxMessageBytes: number
  readonly maxTimeoutMs: number
  readonly maxConnections: number
  readonly log: Logger
  readonly files: readonly DescFile[]
  readonly routes: (router: ConnectRouter) => void
  /** What is no RPC: by path, for GET. */
  readonly pages: Readonly<Record<string, (response: EdgeResponse) => Promise<void> | void>>
}

export interface EdgeServer {
  readonly port: number
  /** Stops accepting, lets calls end for `graceMs`, then closes. */
  close(graceMs: number): Promise<void>
}

/** Headers of a request must be complete within this time, and a whole request within the longer one: half-open connections are reaped. */
const HEADERS_MS = 10_000
const IDLE_MS = 120_000

/** Serves gRPC, gRPC-Web and Connect on one HTTPS port, HTTP/2 and HTTP/1.1, TLS 1.2 and newer as browsers and tools need it. */
export const startEdgeServer = async (options: EdgeServerOptions): Promise<EdgeServer> => {
  const handlers = routerOf(options)
  const server = createSecureServer({
    ...options.certificate.current(),
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    settings: { maxConcurrentStreams: 250, maxHeaderListSize: 16_384 },
    maxSessionMemory: 32,
    handshakeTimeout: HEADERS_MS,
  })
  // HTTP/1.1 requests have these of their own; node's types know them on plain servers only.
  Object.assign(server, {
    headersTimeout: HEADERS_MS,
    requestTimeout: options.maxTimeoutMs + HEADERS_MS,
    maxConnections: options.maxConnections,
  })
  const stopReloading = options.certificate.onChange(() => server.setSecureContext(options.certificate.current()))
  const { sessions, sockets, idle } = track(server)
  let closing = false
  server.on('request', (request, response) => {
    const { socket } = request
    idle.delete(socket)
    response.once('close', () => {
      idle.add(socket)
      // A client that keeps its connection would hold up the stop.
      if (closing && request.httpVersionMajor === 1) socket.destroySoon()
    })
    void answer(options, handlers, request, response).catch((error: unknown) => {
      options.log.error({ err: error }, 'a request failed outside of its call')
      if (response.headersSent) response.stream?.close?.()
      else response.writeHead(500).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async (graceMs) => {
      stopReloading()
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const session of sessions) session.close()
      const hard = setTimeout(() => {
        for (const session of sessions) session.destroy()
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      for (const socket of sockets) if (idle.has(socket)) socket.destroy()
      await closed
      clearTimeout(hard)
    },
  }
}

const track = (server: Http2SecureServer) => {
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  /** HTTP/1.1 sockets between requests. */
  const idle = new WeakSet<Socket>()
  server.on('session', (session) => {
    sessions.add(session)
    session.setTimeout(IDLE_MS, () => session.close())
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    // Of HTTP/2 the session knows what is under way; requests show a stand-in of its socket, which nothing here would find.
    if (socket.alpnProtocol !== 'h2') idle.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.on('sessionError', () => {})
  return { sessions, sockets, idle }
}

const routerOf = (options: EdgeServerOptions): Map<string, UniversalHandler> => {
  const router = createConnectRouter({
    readMaxBytes: options.maxMessageBytes,
    writeMaxBytes: options.maxMessageBytes,
    maxTimeoutMs: undefined,
    acceptCompression: [compressionGzip, compressionBrotli],
    // A field that is misspelt is an error, not a wish that is silently dropped.
    jsonOptions: { ignoreUnknownFields: false, registry: createRegistry(...options.files) },
  })
  options.routes(router)
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
}

const answer = async (
  options: EdgeServerOptions,
  handlers: Map<string, UniversalHandler>,
  request: EdgeRequest,
  response: EdgeResponse,
): Promise<void> => {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('strict-transport-security', 'max-age=31536000')
  if (handleCors(options.corsOrigins, request, response)) return
  const path = request.url?.split('?', 1)[0] ?? ''
  const page = request.method === 'GET' ? options.pages[path] : undefined
  if (page && Object.hasOwn(options.pages, path)) return page(response)
  const handler = handlers.get(path)
  if (!handler) return unknown(request, response)
  if (!(handler.allowedMethods as readonly string[]).includes(request.method ?? '')) {
    response.writeHead(405, { allow: handler.allowedMethods.join(', ') }).end()
    return
  }
  const { headers, problem } = passedHeaders(request.rawHeaders)
  const edge: EdgeArrival = { headers, problem, address: request.socket.remoteAddress, entered: false }
  const values = createContextValues().set(EDGE_ARRIVAL, edge)
  const universal = universalRequestFromNodeRequest(request, response, undefined, values)
  await universalResponseToNodeResponse(await serve(handler, universal, edge), response)
}

/** A method that the edge does not serve: one answer, whether the mesh has it or nobody does. */
const unknown = (request: EdgeRequest, response: EdgeResponse): void => {
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/grpc')) {
    // Not by writeHead, which sends the headers before the end is known: a gRPC client takes them for trailers only if they end the stream.
    response.statusCode = 200
    for (const [name, value] of [
      ['content-type', type],
      ['grpc-status', '12'],
      ['grpc-message', 'unknown method'],
    ] as const)
      response.setHeader(name, value)
    response.end()
    return
  }
  response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"unimplemented","message":"unknown method"}')
}
