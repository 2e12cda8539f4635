import { isSpanContextValid } from '@opentelemetry/api'
import { Metadata } from '@grpc/grpc-js'
import type { Call, Deadline } from '../call.js'

/** What a call carries along, besides its message. */
export interface CallOptions {
  /** Access token of the subject that it is made for. */
  readonly token?: string
  /** Of the call that it is part of: what is left of it, and its cancellation. */
  readonly deadline?: Pick<Deadline, 'remaining' | 'signal'>
  /** Milliseconds, where there is no deadline, or less than what is left of it. */
  readonly timeoutMs?: number
  /** Cancels the call. */
  readonly signal?: AbortSignal
  /** W3C trace context of the span that it is made in. */
  readonly traceparent?: string
  /** The client's address: believed from the gateway alone. */
  readonly clientAddress?: string
  /** Called with the trailers, of failed calls too. */
  readonly onTrailers?: (trailers: Trailers) => void
}

/** What a service says at the end of a call. */
export interface Trailers {
  readonly decisionId: string | undefined
  readonly traceId: string | undefined
  /** google.rpc.Status, as it came. */
  readonly details: Uint8Array | undefined
}

/** W3C `traceparent` of a call's span; without a tracer, one of its trace id. */
export const traceparentOf = (call: Pick<Call, 'span' | 'traceId'>): string | undefined => {
  const context = call.span.spanContext()
  if (!isSpanContextValid(context)) return undefined
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`
}

/** Options of a call made for another: its deadline, its trace, and its caller's token passed on. */
export const onBehalfOf = (call: Call): CallOptions => ({
  ...asItself(call),
  ...(call.subject === undefined ? undefined : { token: call.subject.token }),
})

/** Options of a call made within another by the service itself: its deadline and trace, no token. */
export const asItself = (call: Call): CallOptions => {
  const traceparent = traceparentOf(call)
  return { deadline: call.deadline, ...(traceparent === undefined ? undefined : { traceparent }) }
}

/** gRPC takes eight digits: the finest unit that they can say. */
export const timeoutText = (ms: number): string => {
  const whole = Math.max(1, Math.ceil(ms))
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.ceil(whole / 1_000), 99_999_999)}S`
}

export const metadataOf = (options: CallOptions, timeoutMs: number): Metadata => {
  const metadata = new Metadata()
  // Our own header rather than grpc-js's deadline: that would reset the stream by itself, past any budget.
  metadata.set('grpc-timeout', timeoutText(timeoutMs))
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`)
  if (options.traceparent !== undefined) metadata.set('traceparent', options.traceparent)
  if (options.clientAddress !== undefined) metadata.set('tenantry-client-address', options.clientAddress)
  return metadata
}

export const trailersOf = (metadata: Metadata | undefined): Trailers => {
  const details = metadata?.get('grpc-status-details-bin')[0]
  const text = (key: string) => {
    const value = metadata?.get(key)[0]
    return typeof value === 'string' ? value : undefined
  }
  return {
    decisionId: text('tenantry-decision-id'),
    traceId: text('tenantry-trace-id'),
    details: typeof details === 'string' ? undefined : details,
  }
}
