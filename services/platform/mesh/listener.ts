import type { Server } from '@grpc/grpc-js'
import { ServerCredentials } from '@grpc/grpc-js'
import { X509Certificate, constants } from 'node:crypto'
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TlsOptions, TLSSocket } from 'node:tls'
import { createServer } from 'node:tls'
import type { Logger } from 'pino'
import type { Certificate, CertificateSource } from './certificates/source.js'
import type { Peer } from './exchange.js'
import { SvidError, workloadOf } from './workload.js'

export interface ListenerOptions {
  readonly server: Server
  readonly source: CertificateSource
  readonly trustDomain: string
  readonly host: string
  readonly port: number
  readonly log: Logger
  /** Longest life of a connection, milliseconds; never beyond the life of either certificate. */
  readonly maxConnectionAgeMs: number
  /** Time for calls in flight when a connection is too old. */
  readonly connectionGraceMs: number
  readonly handshakeTimeoutMs: number
  /** Called for each call, before grpc-js sees it. */
  onStream(headers: IncomingHttpHeaders, rawHeaders: readonly string[], peer: Peer): void
  /** A connection closed because its certificate is no SVID of ours. */
  onRefused?(): void
}

export interface Listener {
  readonly port: number
  /** Stops accepting, lets calls in flight end, and closes what is left after `graceMs`. */
  drain(graceMs: number): Promise<void>
}

/** The highest stream id: this GOAWAY refuses nothing that is on its way already. */
const EVERY_STREAM = 2 ** 31 - 1

const tlsOptions = ({ cert, key, ca }: Certificate): TlsOptions => ({
  cert,
  key,
  ca,
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: true,
  ALPNProtocols: ['h2'],
  // A resumed session would bring a certificate that was checked once, under a CA that may be gone.
  secureOptions: constants.SSL_OP_NO_TICKET,
})

/** Says goodbye first, so that calls already on the wire are served, then closes when the last stream has ended. */
const leave = (session: ServerHttp2Session): void => {
  if (session.closed || session.destroyed) return
  try {
    session.goaway(0, EVERY_STREAM)
    session.close()
  } catch {
    session.destroy()
  }
}

/**
 * Accepts mTLS connections for a grpc-js server: TLS 1.3 only, the peer's SVID checked once per session, before any of its calls is dispatched. The
 * connections are handed over by grpc-js's injector, and each session keeps the identity that it was accepted with.
 */
export const listen = async (options: ListenerOptions): Promise<Listener> => {
  const { server, source, trustDomain, log, maxConnectionAgeMs, connectionGraceMs } = options
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  // The injector's own HTTP/2 server: grpc-js has no public way to its sessions and raw headers.
  const [http2] = [...(server as unknown as { http2Servers: Map<Http2Server, unknown> }).http2Servers.keys()]
  if (http2 === undefined) throw new Error('grpc-js made no HTTP/2 server for its injector')
  const peers = new WeakMap<ServerHttp2Session, Peer>()
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<TLSSocket>()
  let accepting: { peer: Peer; ageMs: number } | undefined
  let draining = false

  http2.prependListener('session', (session) => {
    if (accepting === undefined) {
      session.destroy()
      return
    }
    const { peer, ageMs } = accepting
    peers.set(session, peer)
    sessions.add(session)
    const age = setTimeout(() => {
      leave(session)
      setTimeout(() => session.destroy(), connectionGraceMs).unref()
    }, ageMs)
    age.unref()
    session.on('close', () => {
      clearTimeout(age)
      sessions.delete(session)
    })
  })
  http2.prependListener('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    const session = stream.session as ServerHttp2Session | undefined
    const peer = session === undefined ? undefined : peers.get(session)
    // A stream without an identity can't be: its session would have been destroyed.
    if (peer === undefined) stream.destroy()
    else options.onStream(headers, raw, peer)
  })

  const own = () => Date.parse(new X509Certificate(source.current().cert).validTo) - Date.now()
  const accept = (socket: TLSSocket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    const certificate = socket.getPeerX509Certificate()
    try {
      if (draining) throw new SvidError('shutting down')
      if (!socket.authorized || certificate === undefined || socket.isSessionReused()) throw new SvidError('not authenticated anew')
      if (socket.alpnProtocol !== 'h2') throw new SvidError('not HTTP/2')
      const workload = workloadOf(certificate.raw, trustDomain)
      const life = Math.min(own(), Date.parse(certificate.validTo) - Date.now())
      const ageMs = Math.max(1_000, Math.min(maxConnectionAgeMs * (0.9 + Math.random() * 0.2), life - connectionGraceMs))
      accepting = { peer: { workload, address: socket.remoteAddress }, ageMs }
      injector.injectConnection(socket)
    } catch (error) {
      socket.destroy()
      options.onRefused?.()
      log.warn({ why: error instanceof SvidError ? error.message : (error as Error).name }, 'connection refused')
    } finally {
      accepting = undefined
    }
  }

  const tls = createServer({ ...tlsOptions(source.current()), handshakeTimeout: options.handshakeTimeoutMs, noDelay: true }, accept)
  const unsubscribe = source.onChange((certificate) => {
    try {
      tls.setSecureContext(tlsOptions(certificate))
    } catch (error) {
      log.error({ why: (error as Error).message }, 'certificate not usable, the old one stays')
    }
  })
  await new Promise<void>((resolve, reject) => {
    tls.once('error', reject)
    tls.listen(options.port, options.host, () => {
      tls.removeListener('error', reject)
      resolve()
    })
  })
  return {
    port: (tls.address() as AddressInfo).port,
    async drain(graceMs) {
      if (draining) return
      draining = true
      unsubscribe()
      tls.close()
      const left = new Promise<void>((resolve) => {
        const look = () => {
          if (sessions.size === 0) resolve()
        }
        for (const session of sessions) {
          session.on('close', look)
          leave(session)
        }
        look()
        setTimeout(resolve, graceMs).unref()
      })
      await left
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      injector.destroy()
      server.forceShutdown()
    },
  }
}
