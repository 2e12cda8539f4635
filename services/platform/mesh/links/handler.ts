import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf'
import { create, toBinary } from '@bufbuild/protobuf'
import type { Link, Run } from '../chain.js'
import { AppError } from '../errors.js'
import type { Exchange } from '../exchange.js'
import type { CallState } from '../state.js'
import { answerOk } from '../status.js'

type Init = MessageInitShape<DescMessage>

const encoder =
  (output: DescMessage, maxBytes: number) =>
  (init: Init): Buffer => {
    const bytes = toBinary(output, create(output, init))
    if (bytes.length > maxBytes) throw new AppError('MESSAGE_TOO_LARGE', 'the answer is larger than this service sends')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

/** The first message and the rest, as a handler reads a stream. */
async function* requests(exchange: Exchange): AsyncGenerator<Message> {
  yield (await exchange.first()).message!
  for (let incoming = await exchange.next(); incoming !== undefined; incoming = await exchange.next()) yield incoming.message!
}

/**
 * Waits for a handler, and for `graceMs` more once its time is over: its signal has fired then, and its statements end by themselves. What comes within the
 * grace is what happened, and is answered and recorded as such; after it, the call ends without the handler.
 */
const bounded = <T>(work: Promise<T>, call: CallState, graceMs: number): Promise<T> =>
  new Promise((resolve, reject) => {
    work.then(resolve, reject)
    call.deadline.onEnded((why) => {
      setTimeout(() => reject(why), graceMs).unref()
    })
  })

/** Calls the RPC with what the chain established, and encodes what it answers. */
export const handler: Link = {
  name: 'handler',
  wrap(method, rpc, { graceMs, maxMessageBytes }): Run {
    const encode = encoder(method.desc.output, maxMessageBytes)
    const send = async (items: AsyncIterable<Init>, call: CallState, exchange: Exchange) => {
      for await (const item of items) {
        if (call.deadline.ended !== undefined) throw call.deadline.ended
        await exchange.send(encode(item))
      }
      return answerOk(undefined)
    }
    switch (method.desc.methodKind) {
      case 'unary': {
        const unary = rpc as (request: Message, call: CallState) => Promise<Init>
        return async (call, exchange) => {
          const { message } = await exchange.first()
          return answerOk(encode(await bounded(unary(message!, call), call, graceMs)))
        }
      }
      case 'server_streaming': {
        const stream = rpc as (request: Message, call: CallState) => AsyncIterable<Init>
        return async (call, exchange) => {
          const { message } = await exchange.first()
          return bounded(send(stream(message!, call), call, exchange), call, graceMs)
        }
      }
      case 'client_streaming': {
        const collect = rpc as (requests: AsyncIterable<Message>, call: CallState) => Promise<Init>
        return async (call, exchange) => answerOk(encode(await bounded(collect(requests(exchange), call), call, graceMs)))
      }
      case 'bidi_streaming': {
        const converse = rpc as (requests: AsyncIterable<Message>, call: CallState) => AsyncIterable<Init>
        return (call, exchange) => bounded(send(converse(requests(exchange), call), call, exchange), call, graceMs)
      }
    }
  },
}
