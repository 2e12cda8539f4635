import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { Certificate } from '../certificates/source.js'

/** A TLS connection to a mesh port, as a stranger would make it: no client of ours in between. Resolves when the handshake is done, or rejects. */
export const dial = async (port: number, { cert, key, ca }: Partial<Certificate>, more: object = {}): Promise<TLSSocket> => {
  const socket = connect({ port, host: '127.0.0.1', cert, key, ca, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined, ...more })
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'error').then(([error]) => Promise.reject(error as Error))])
  return socket
}

/** Whether the other side closes the connection by itself. */
export const closesSoon = async (socket: TLSSocket, ms = 2_000): Promise<boolean> => {
  if (socket.destroyed) return true
  socket.resume()
  return Promise.race([new Promise<boolean>((resolve) => socket.once('close', () => resolve(true))), sleep(ms, false, { ref: false })])
}

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** HPACK (RFC 7541): literal without indexing, new name, no Huffman. */
const literal = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'latin1')
  const head: number[] = []
  if (bytes.length < 127) head.push(bytes.length)
  else {
    head.push(127)
    for (let left = bytes.length - 127; ; left >>>= 7) {
      if (left < 128) {
        head.push(left)
        break
      }
      head.push((left & 127) | 128)
    }
  }
  return Buffer.concat([Buffer.from(head), bytes])
}

/** One gRPC request in frames made by hand, so that headers may repeat or be malformed as no client library lets them. Stream 1. */
export const sendFrames = (
  socket: TLSSocket,
  path: string,
  headers: readonly (readonly [string, string])[],
  message?: Uint8Array,
): void => {
  const all = [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...headers,
  ]
  const block = Buffer.concat(all.flatMap(([name, value]) => [Buffer.from([0]), literal(name!), literal(value!)]))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message?.length ?? 0, 1)
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(4, 0, 0, Buffer.alloc(0)),
      frame(1, 0x4, 1, block),
      frame(0, 0x1, 1, message === undefined ? Buffer.alloc(0) : Buffer.concat([head, message])),
    ]),
  )
}
