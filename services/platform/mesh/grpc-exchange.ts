import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { status as Code } from '@grpc/grpc-js'
import type { OwnedDeadline } from './deadline.js'
import { AppError } from './errors.js'
import type { Arrival, Exchange, Incoming, Peer } from './exchange.js'
import type { Answer } from './status.js'

type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0]

/** A failure that grpc-js found in the transport, as ours. */
const transportError = ({ code, details }: Status): AppError => {
  const cause = new Error(details ?? '')
  if (code === Code.RESOURCE_EXHAUSTED) return new AppError('MESSAGE_TOO_LARGE', 'the message is larger than this service takes', { cause })
  return new AppError('MALFORMED_MESSAGE', 'the message can not be read', { cause })
}

/** Trailers as grpc-js wants them, without building a Metadata for each call: it only clones them and asks for headers. */
const trailers = (headers: Record<string, string>): Metadata => {
  const duck = { clone: () => duck, toHttp2Headers: () => headers }
  return duck as unknown as Metadata
}

const noop = (): void => undefined

interface Waiting {
  resolve(incoming: Incoming | undefined): void
  reject(error: AppError): void
}

/**
 * An exchange on a grpc-js call, below its handlers: one shape for unary and streams. What grpc-js would answer by itself (a message too large, one that
 * can't be decompressed) becomes a failure of `first` or `next`, so that it runs through the chain, is recorded, and has its trailers.
 */
export class GrpcExchange implements Exchange {
  private readonly sendStatus: ServerInterceptingCallInterface['sendStatus']
  private opening: Promise<Incoming> | undefined
  private readonly queue: Incoming[] = []
  private ended = false
  private failure: AppError | undefined
  private waiting: Waiting | undefined
  private stuck: ((error: AppError) => void) | undefined
  private finished = false

  constructor(
    private readonly call: ServerInterceptingCallInterface,
    readonly arrival: Arrival,
    readonly peer: Peer,
    private readonly deadline: OwnedDeadline,
    /** Whether the caller sends one message only. */
    private readonly single: boolean,
  ) {
    this.sendStatus = call.sendStatus.bind(call)
    call.sendStatus = (status) => this.fail(transportError(status))
    deadline.onEnded((why) => this.fail(why))
    call.start({
      onReceiveMetadata: noop,
      onReceiveMessage: (bytes: Buffer) => this.receive({ bytes, message: undefined }),
      onReceiveHalfClose: () => this.end(),
      onCancel: () => {
        if (!this.finished) deadline.cancel()
      },
    })
  }

  first(): Promise<Incoming> {
    this.opening ??= this.open()
    return this.opening
  }

  next(): Promise<Incoming | undefined> {
    const queued = this.queue.shift()
    if (queued !== undefined) return Promise.resolve(queued)
    if (this.failure !== undefined) return Promise.reject(this.failure)
    if (this.ended) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.call.startRead()
    })
  }

  send(body: Buffer): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.stuck = reject
      this.call.sendMessage(body, () => {
        this.stuck = undefined
        resolve()
      })
    })
  }

  /** Ends the call with its answer. After a cancellation there is nobody to tell. */
  finish(answer: Answer, headers: Record<string, string>): void {
    this.finished = true
    this.deadline.settle()
    if (answer.body !== undefined) this.call.sendMessage(answer.body, noop)
    const metadata = trailers(
      answer.details === undefined ? headers : { ...headers, 'grpc-status-details-bin': answer.details.toString('base64') },
    )
    this.sendStatus({ code: answer.code, details: answer.message, metadata })
  }

  private async open(): Promise<Incoming> {
    const incoming = await this.next()
    if (incoming === undefined) throw new AppError('MALFORMED_MESSAGE', 'the call has no message')
    // Not before the caller said that there is no more: a second message makes it another kind of call.
    if (this.single && (await this.next()) !== undefined) throw new AppError('MALFORMED_MESSAGE', 'the call has more than one message')
    return incoming
  }

  private receive(incoming: Incoming): void {
    const { waiting } = this
    this.waiting = undefined
    if (waiting === undefined) this.queue.push(incoming)
    else waiting.resolve(incoming)
  }

  private end(): void {
    this.ended = true
    const { waiting } = this
    this.waiting = undefined
    waiting?.resolve(undefined)
  }

  private fail(error: AppError): void {
    if (this.failure !== undefined || this.finished) return
    this.failure = error
    const { waiting, stuck } = this
    this.waiting = undefined
    this.stuck = undefined
    waiting?.reject(error)
    stuck?.(error)
  }
}
