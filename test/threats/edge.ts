import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:tls'
import type { EdgeFixture } from '../../services/gateway/testing.js'
import { GET_RECORD } from '../../services/gateway/testing.js'

export interface RawAnswer {
  readonly status: number
  readonly text: string
  /** google.rpc.ErrorInfo's reason, as Connect's JSON spells it; empty without one. */
  readonly reason: string
}

const reasonOf = (text: string): string => /"reason":\s*"([A-Z_]+)"/.exec(text)?.[1] ?? ''

/** One HTTP/1.1 request, byte for byte as given, and all that comes back until the other side closes. */
export const sendHttp1 = async (
  { port, ca }: Pick<EdgeFixture, 'port' | 'ca'>,
  head: string,
  body: string | Uint8Array = '',
): Promise<RawAnswer> => {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A server that refuses a large body may reset instead of reading it.
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  socket.write(head)
  socket.write(body)
  await closed
  const text = Buffer.concat(chunks).toString('latin1')
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text, reason: reasonOf(text) }
}

/** A Connect JSON request in HTTP/1.1, with lines of headers of the test's own. */
export const postJson = (edge: EdgeFixture, lines: readonly string[], body: string | Uint8Array, path = GET_RECORD): Promise<RawAnswer> =>
  sendHttp1(
    edge,
    [
      `POST ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...lines,
      '',
      '',
    ].join('\r\n'),
    body,
  )

export interface Http2Answer extends RawAnswer {
  readonly grpcStatus: string
}

/** One HTTP/2 request with a body. */
export const sendHttp2 = async (
  { port, ca }: Pick<EdgeFixture, 'port' | 'ca'>,
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<Http2Answer> => {
  const session = connectHttp2(`https://localhost:${port}`, { ca })
  session.on('error', () => undefined)
  try {
    const stream = session.request({ ':method': 'POST', ...headers })
    stream.on('error', () => undefined)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    let status = 0
    let grpcStatus = ''
    stream.on('response', (given) => {
      status = given[':status'] ?? 0
      grpcStatus = String(given['grpc-status'] ?? '')
    })
    stream.on('trailers', (given) => (grpcStatus = String(given['grpc-status'] ?? '')))
    const closed = once(stream, 'close')
    stream.end(body)
    await closed
    const text = Buffer.concat(chunks).toString('latin1')
    return { status, grpcStatus, text, reason: reasonOf(text) }
  } finally {
    session.destroy()
  }
}

/** A message as gRPC frames it. */
export const framed = (message: Uint8Array, compressed = false): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = compressed ? 1 : 0
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
