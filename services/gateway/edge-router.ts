import type { DescMethod, DescService, Message } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import type { ConnectRouter, HandlerContext, MethodImpl } from '@connectrpc/connect'
import type { Code } from '@connectrpc/connect'
import { ConnectError, createContextKey } from '@connectrpc/connect'
import { BadRequestSchema, ErrorInfoSchema } from '../../proto/gen/google/rpc/error_details_pb.js'
import { StatusSchema } from '../../proto/gen/google/rpc/status_pb.js'
import { Exposure } from '../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { Run } from '../platform/mesh/chain.js'
import type { OwnedDeadline } from '../platform/mesh/deadline.js'
import { startDeadline } from '../platform/mesh/deadline.js'
import type { AppError } from '../platform/mesh/errors.js'
import type { Arrival, Exchange, Peer } from '../platform/mesh/exchange.js'
import type { MeshMethod } from '../platform/mesh/method.js'
import { meshMethod } from '../platform/mesh/method.js'
import type { CallOrigin } from '../platform/mesh/state.js'
import type { Answer } from '../platform/mesh/status.js'
import { connectExchange, unreadableExchange } from './connect-exchange.js'
import { EdgeCall } from './edge-call.js'
import { createHandOver } from './hand-over.js'

/** What the HTTPS server knew of a request before Connect read it. */
export interface EdgeArrival {
  readonly headers: Record<string, string>
  readonly problem: AppError | undefined
  readonly address: string | undefined
  /** Set once a handler was entered: the message could be read. */
  entered: boolean
  /** Why the message could not be read: the handler answers with that. */
  unreadable?: AppError
}

export const EDGE_ARRIVAL = createContextKey<EdgeArrival | undefined>(undefined)

export interface EdgeRoutesOptions {
  readonly services: readonly DescService[]
  readonly origin: CallOrigin
  /** SPIFFE id of the gateway: what stands in the records of calls that it refused. */
  readonly spiffeId: string
  readonly capMs: { readonly unary: number; readonly stream: number }
  /** The chain of one method, composed. */
  readonly compose: (method: MeshMethod) => Run
}

/** Every method whose option says EDGE, by its descriptor: no method is written by hand. */
export const edgeRoutes = (options: EdgeRoutesOptions) => (router: ConnectRouter) => {
  for (const service of options.services) {
    for (const desc of service.methods) {
      const method = meshMethod(desc)
      if (method.option.exposure === Exposure.EDGE) router.rpc(desc, implementation(desc, method, options) as MethodImpl<DescMethod>)
    }
  }
}

const implementation = (desc: DescMethod, method: MeshMethod, options: EdgeRoutesOptions): unknown => {
  const run = options.compose(method)
  const cap = desc.methodKind === 'unary' ? options.capMs.unary : options.capMs.stream
  const handle = async (
    context: HandlerContext,
    messages: AsyncIterable<Message>,
    send: (body: Buffer) => Promise<void>,
  ): Promise<Answer> => {
    const edge = context.values.get(EDGE_ARRIVAL)!
    edge.entered = true
    const deadline = startDeadline(context.timeoutMs(), cap)
    const arrival: Arrival = { path: method.path, headers: edge.headers, timeoutMs: context.timeoutMs(), problem: edge.problem }
    const peer: Peer = { workload: { spiffeId: options.spiffeId, region: options.origin.region, thumbprint: '' }, address: edge.address }
    const call = new EdgeCall(method, options.origin, deadline, arrival, peer)
    const cancelled = () => deadline.cancel()
    context.signal.addEventListener('abort', cancelled, { once: true })
    const exchange = edge.unreadable
      ? unreadableExchange(arrival, peer, edge.unreadable)
      : connectExchange(desc.input, arrival, peer, messages, send)
    const answer = await endWith(deadline, run, call, exchange)
    context.signal.removeEventListener('abort', cancelled)
    const ids = {
      'tenantry-decision-id': call.forwarded ?? Buffer.from(call.decisionId).toString('hex'),
      'tenantry-trace-id': call.traceId,
    }
    if (answer.code !== 0) throw connectError(answer, ids)
    for (const [name, value] of Object.entries(ids)) context.responseTrailer.set(name, value)
    return answer
  }
  switch (desc.methodKind) {
    case 'unary':
      return async (request: Message, context: HandlerContext) =>
        fromBinary(desc.output, (await handle(context, only(request), noMessages)).body!)
    case 'client_streaming':
      return async (requests: AsyncIterable<Message>, context: HandlerContext) =>
        fromBinary(desc.output, (await handle(context, requests, noMessages)).body!)
    default:
      return async function* (input: Message | AsyncIterable<Message>, context: HandlerContext) {
        const messages = Symbol.asyncIterator in input ? (input as AsyncIterable<Message>) : only(input as Message)
        const out = createHandOver<Buffer>()
        const done = handle(context, messages, out.give).then(out.end, out.fail)
        for await (const body of out.taken) yield fromBinary(desc.output, body)
        await done
      }
  }
}

const endWith = async (deadline: OwnedDeadline, run: Run, call: EdgeCall, exchange: Exchange): Promise<Answer> => {
  try {
    return await run(call, exchange)
  } finally {
    deadline.settle()
  }
}

async function* only<T>(message: T): AsyncGenerator<T> {
  yield message
}

const noMessages = (): Promise<void> => Promise.reject(new Error('a method with one answer sent a stream'))

/** An answer's error as Connect sends it: the same code and details, whatever the protocol. */
const connectError = (answer: Answer, metadata: Record<string, string>): ConnectError => {
  const details = []
  for (const any of answer.details === undefined ? [] : fromBinary(StatusSchema, answer.details).details) {
    const info = anyUnpack(any, ErrorInfoSchema)
    if (info) details.push({ desc: ErrorInfoSchema, value: info })
    const bad = anyUnpack(any, BadRequestSchema)
    if (bad) details.push({ desc: BadRequestSchema, value: bad })
  }
  return new ConnectError(answer.message, answer.code as number as Code, metadata, details)
}
