import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol'
import { Code, ConnectError } from '@connectrpc/connect'
import { refusedMessage } from './connect-exchange.js'
import type { EdgeArrival } from './edge-router.js'

/** Headers of the transport's that a message without content must not carry along. */
const OF_THE_BODY = [
  'content-length',
  'content-encoding',
  'connect-content-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'connect-timeout-ms',
]
const CODE_NAMES = new Map(Object.entries(Code).flatMap(([name, code]) => (typeof code === 'number' ? [[snake(name), code] as const] : [])))

function snake(name: string): string {
  return name.replace(/[a-z](?=[A-Z])/g, '$&_').toLowerCase()
}

/**
 * Serves one request. A message that Connect could not read never reaches the handler, so nothing would record it and its error would quote it: the
 * handler is then entered with an empty message and the reason, runs the chain, and answers in the protocol that the caller speaks.
 */
export const serve = async (
  handler: UniversalHandler,
  request: UniversalServerRequest,
  edge: EdgeArrival,
): Promise<UniversalServerResponse> => {
  const response = await handler(request)
  const peeked = await peek(response)
  if (edge.entered || peeked === undefined) return peeked ?? response
  edge.unreadable = refusedMessage(await originalError(peeked), handler.method.input)
  return handler(emptied(request))
}

/** The response with its first chunk already produced, which is when the handler has been entered or never will be. Undefined: it has no body. */
const peek = async (response: UniversalServerResponse): Promise<UniversalServerResponse | undefined> => {
  if (response.body === undefined) return undefined
  const iterator = response.body[Symbol.asyncIterator]()
  const first = await iterator.next()
  async function* again() {
    try {
      for (let chunk = first; chunk.done !== true; chunk = await iterator.next()) yield chunk.value
    } finally {
      await iterator.return?.()
    }
  }
  return { ...response, body: again() }
}

/** The error that Connect answered with, read back from its answer. */
const originalError = async (response: UniversalServerResponse): Promise<ConnectError> => {
  const chunks = []
  for await (const chunk of response.body!) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const status = response.trailer?.get('grpc-status') ?? response.header?.get('grpc-status') ?? /grpc-status: ?(\d+)/.exec(text)?.[1]
  const code = status == null ? CODE_NAMES.get(/"code":"([a-z_]+)"/.exec(text)?.[1] ?? '') : (Number(status) as Code)
  const json = /"message":("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
  const said = response.trailer?.get('grpc-message') ?? /grpc-message: ?([^\r\n]*)/.exec(text)?.[1]
  return new ConnectError(json ? (JSON.parse(json) as string) : decode(said ?? ''), code ?? Code.InvalidArgument)
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The same request with a message that has no content, in its own protocol and format. */
const emptied = (request: UniversalServerRequest): UniversalServerRequest => {
  const header = new Headers(request.header)
  for (const name of OF_THE_BODY) header.delete(name)
  const type = header.get('content-type') ?? ''
  const streams = /^application\/(grpc|connect\+)/.test(type)
  if (request.method === 'GET') header.set('content-type', 'application/json')
  const json = request.method === 'GET' || type.includes('json')
  const message = Buffer.from(json ? '{}' : '')
  const envelope = Buffer.alloc(5)
  envelope.writeUInt32BE(message.length, 1)
  const body = streams ? Buffer.concat([envelope, message]) : message
  async function* bytes() {
    yield body
  }
  return { ...request, method: 'POST', url: request.url.split('?', 1)[0]!, header, body: bytes() }
}
