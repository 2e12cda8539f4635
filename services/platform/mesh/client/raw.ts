import type { ClientReadableStream, Metadata, ServiceError, StatusObject } from '@grpc/grpc-js'
import { status as Code } from '@grpc/grpc-js'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { OwnedDeadline } from '../deadline.js'
import { workDeadline } from '../deadline.js'
import { AppError } from '../errors.js'
import { errorOf } from '../status.js'
import type { Channel, Channels } from './channels.js'
import type { CallOptions } from './options.js'
import { metadataOf, trailersOf } from './options.js'

/** Calls by method path with bytes in and out: what the typed client stands on, and what forwards a call without knowing its messages. */
export interface RawClient {
  unary(path: string, request: Uint8Array, options?: CallOptions): Promise<Buffer>
  serverStream(path: string, request: Uint8Array, options?: CallOptions): AsyncIterable<Buffer>
  clientStream(path: string, requests: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<Buffer>
  duplex(path: string, requests: AsyncIterable<Uint8Array>, options?: CallOptions): AsyncIterable<Buffer>
}

const out = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const back = (bytes: Buffer): Buffer => bytes

const failed = (error: ServiceError, options: CallOptions): AppError => {
  const trailers = trailersOf(error.metadata)
  options.onTrailers?.(trailers)
  return errorOf(error.code, error.details, trailers.details)
}

/** Read anew: it may have ended since it was last looked at. */
const endOf = (deadline: OwnedDeadline): AppError | undefined => deadline.ended

interface Started {
  readonly channel: Channel
  readonly deadline: OwnedDeadline
  readonly metadata: Metadata
  /** Ends what `start` began. */
  settle(): void
}

/** Writes a caller's stream, no faster than it is taken; stops when the call is over. A failing source cancels the call. */
const pump = async (requests: AsyncIterable<Uint8Array>, call: Writable & { cancel(): void }): Promise<void> => {
  try {
    for await (const request of requests) {
      if (call.destroyed || call.writableEnded) return
      if (!call.write(out(request))) await Promise.race([once(call, 'drain'), once(call, 'close')])
    }
    call.end()
  } catch (error) {
    call.cancel()
    throw error
  }
}

export const createRawClient = (channels: Pick<Channels, 'pick'>, defaultTimeoutMs: number): RawClient => {
  const start = (options: CallOptions): Started => {
    const channel = channels.pick()
    const left = Math.min(options.timeoutMs ?? Infinity, options.deadline?.remaining() ?? Infinity)
    const timeoutMs = left === Infinity ? defaultTimeoutMs : left
    const deadline = workDeadline(timeoutMs)
    const abort = () => deadline.cancel()
    const signals = [options.signal, options.deadline?.signal].filter((signal) => signal !== undefined)
    for (const signal of signals) {
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
    }
    channel.enter()
    let settled = false
    return {
      channel,
      deadline,
      metadata: metadataOf(options, timeoutMs),
      settle() {
        if (settled) return
        settled = true
        deadline.settle()
        for (const signal of signals) signal.removeEventListener('abort', abort)
        channel.leave()
      },
    }
  }

  /** A call with one answer: rejected at its end of time, whether or not the stream may still be reset. */
  const answered = (
    options: CallOptions,
    begin: (
      started: Started,
      done: (error: ServiceError | null, answer?: Buffer) => void,
    ) => { cancel(): void; on(event: 'status', listener: (status: StatusObject) => void): unknown },
  ): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const started = start(options)
      const { deadline, channel } = started
      if (deadline.ended !== undefined) {
        started.settle()
        reject(deadline.ended)
        return
      }
      let dropped = false
      const call = begin(started, (error, answer) => {
        started.settle()
        if (dropped) return
        if (error) reject(failed(error, options))
        else if (answer === undefined) reject(new AppError('INTERNAL', 'no answer'))
        else resolve(answer)
      })
      if (options.onTrailers !== undefined) {
        call.on('status', ({ code, metadata }) => {
          if (code === Code.OK && !dropped) options.onTrailers?.(trailersOf(metadata))
        })
      }
      deadline.onEnded((why) => {
        dropped = true
        if (channel.takeReset()) call.cancel()
        reject(why)
      })
    })

  /** What comes in, no faster than it is read. Leaving the loop early cancels the call: an unread stream can't be dropped quietly. */
  async function* read(
    options: CallOptions,
    begin: (started: Started) => { call: ClientReadableStream<Buffer>; sending?: Promise<void> },
  ): AsyncGenerator<Buffer> {
    const started = start(options)
    const { deadline, channel } = started
    let over = false
    let cancel: (() => void) | undefined
    try {
      if (deadline.ended !== undefined) throw deadline.ended
      const { call, sending } = begin(started)
      cancel = () => {
        channel.takeReset()
        call.cancel()
      }
      const sent = sending?.then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error('the source of the stream failed', { cause: error })),
      )
      call.on('status', ({ code, metadata }: StatusObject) => {
        over = true
        if (code === Code.OK) options.onTrailers?.(trailersOf(metadata))
      })
      deadline.onEnded(() => cancel?.())
      try {
        for await (const message of call) yield message as Buffer
      } catch (error) {
        over = true
        const why = endOf(deadline)
        if (why !== undefined) throw why
        const broken: Error | undefined = sent === undefined ? undefined : await Promise.race([sent, Promise.resolve(undefined)])
        if (broken !== undefined) throw broken
        throw failed(error as ServiceError, options)
      }
    } finally {
      if (!over) cancel?.()
      started.settle()
    }
  }

  return {
    unary: (path, request, options = {}) =>
      answered(options, ({ channel, metadata }, done) => channel.grpc.makeUnaryRequest(path, out, back, request, metadata, done)),
    clientStream: (path, requests, options = {}) => {
      let broken: Error | undefined
      return answered(options, ({ channel, metadata }, done) => {
        const call = channel.grpc.makeClientStreamRequest(path, out, back, metadata, done)
        pump(requests, call).catch((error: unknown) => {
          broken = error instanceof Error ? error : new Error('the source of the stream failed', { cause: error })
        })
        return call
      }).catch((error: Error) => {
        throw broken ?? error
      })
    },
    serverStream: (path, request, options = {}) =>
      read(options, ({ channel, metadata }) => ({ call: channel.grpc.makeServerStreamRequest(path, out, back, request, metadata) })),
    duplex: (path, requests, options = {}) =>
      read(options, ({ channel, metadata }) => {
        const call = channel.grpc.makeBidiStreamRequest(path, out, back, metadata)
        return { call: call as unknown as ClientReadableStream<Buffer>, sending: pump(requests, call) }
      }),
  }
}
