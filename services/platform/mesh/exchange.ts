import type { Message } from '@bufbuild/protobuf'
import type { Workload } from './call.js'
import type { AppError } from './errors.js'

/** A message as it came in. Validate decodes and checks it; what is behind validate reads `message` only. */
export interface Incoming {
  readonly bytes: Buffer
  message: Message | undefined
}

/** The other end of a connection. */
export interface Peer {
  readonly workload: Workload
  readonly address: string | undefined
}

/** What arrived before any message: the headers, read once, and what was wrong with them. */
export interface Arrival {
  readonly path: string
  /** By lower-case name; pseudo and transport headers left out. */
  readonly headers: Readonly<Record<string, string>>
  /** What the caller asked for, in milliseconds. */
  readonly timeoutMs: number | undefined
  /** A repeated or malformed header: refused by authenticate, so that the refusal is recorded. */
  readonly problem: AppError | undefined
}

/**
 * One call on the wire, unary and streams alike: the first message, the others, and what is sent. How it ends is the answer that a chain returns.
 * Failures of the transport (a message too large, a stream cut off) come as AppErrors of `first` and `next`.
 */
export interface Exchange {
  readonly arrival: Arrival
  readonly peer: Peer
  /** The first message; the same one each time. For a method with one message it waits for the caller's end of stream. */
  first(): Promise<Incoming>
  /** The next message after the first, undefined at the caller's end of stream. */
  next(): Promise<Incoming | undefined>
  /** Sends one message of a stream; resolves when the next one may come. */
  send(body: Buffer): Promise<void>
}
