import type { DescMessage, Message } from '@bufbuild/protobuf'
import { toBinary } from '@bufbuild/protobuf'
import { ConnectError, Code } from '@connectrpc/connect'
import { AppError } from '../platform/mesh/errors.js'
import { fieldOfType, unpairedSurrogates } from './message-fields.js'
import type { Arrival, Exchange, Incoming, Peer } from '../platform/mesh/exchange.js'

/** What a transport error of Connect means in our terms; its text may quote the message, so it stays here as the cause. */
export const refusedMessage = (error: unknown, input: DescMessage): AppError => {
  const code = ConnectError.from(error).code
  if (code === Code.ResourceExhausted)
    return new AppError('MESSAGE_TOO_LARGE', 'the message is larger than the gateway takes', { cause: error })
  if (code === Code.Canceled) return new AppError('CANCELLED', 'the caller cancelled', { cause: error })
  if (code === Code.DeadlineExceeded) return new AppError('DEADLINE_EXCEEDED', 'the deadline has passed', { cause: error })
  const [, kind, name] = /cannot decode (field|message|enum) ([A-Za-z0-9_.]+)/.exec(ConnectError.from(error).rawMessage) ?? []
  const unknown = /key "([A-Za-z0-9_]{1,64})" is unknown/.exec(ConnectError.from(error).rawMessage)?.[1]
  if (unknown !== undefined) {
    return new AppError('MALFORMED_MESSAGE', `${unknown}: is not a field of the request`, {
      violations: [{ field: unknown, description: 'is not a field of the request' }],
      cause: error,
    })
  }
  // Of a message or an enum the decoder names the type: the caller knows the field.
  const where = name === undefined ? undefined : kind === 'field' ? name.slice(name.lastIndexOf('.') + 1) : fieldOfType(input, name)
  return new AppError('MALFORMED_MESSAGE', where === undefined ? 'the message can not be read' : `${where}: has a value of another type`, {
    ...(where === undefined ? {} : { violations: [{ field: where, description: 'has a value of another type' }] }),
    cause: error,
  })
}

const unpaired = (field: string): AppError =>
  new AppError('MALFORMED_MESSAGE', `${field}: must not contain unpaired surrogates`, {
    violations: [{ field, description: 'must not contain unpaired surrogates' }],
  })

/** Built once per message. */
const walks = new WeakMap<DescMessage, { readonly find: ReturnType<typeof unpairedSurrogates> }>()
const illFormedIn = (input: DescMessage): ReturnType<typeof unpairedSurrogates> => {
  const known = walks.get(input) ?? { find: unpairedSurrogates(input) }
  walks.set(input, known)
  return known.find
}

/** An exchange on a Connect handler's messages: one shape with the mesh's own, so that the edge has a chain like any service. */
export const connectExchange = (
  input: DescMessage,
  arrival: Arrival,
  peer: Peer,
  messages: AsyncIterable<Message>,
  send: (body: Buffer) => Promise<void>,
): Exchange => {
  const illFormed = illFormedIn(input)
  const iterator = messages[Symbol.asyncIterator]()
  const next = async (): Promise<Incoming | undefined> => {
    try {
      const { value, done } = await iterator.next()
      if (done) return undefined
      const message = value as Message
      const field = illFormed?.(message as unknown as Record<string, unknown>)
      if (field !== undefined) throw unpaired(field)
      return { bytes: Buffer.from(toBinary(input, message)), message }
    } catch (error) {
      throw error instanceof AppError ? error : refusedMessage(error, input)
    }
  }
  let opening: Promise<Incoming> | undefined
  const open = async (): Promise<Incoming> => {
    const incoming = await next()
    if (incoming === undefined) throw new AppError('MALFORMED_MESSAGE', 'the call has no message')
    return incoming
  }
  return { arrival, peer, first: () => (opening ??= open()), next, send }
}

/** A message that could not be read at all: the chain runs, and finds that out at its first message. */
export const unreadableExchange = (arrival: Arrival, peer: Peer, error: AppError): Exchange => ({
  arrival,
  peer,
  first: () => Promise.reject(error),
  next: () => Promise.reject(error),
  send: () => Promise.reject(error),
})
