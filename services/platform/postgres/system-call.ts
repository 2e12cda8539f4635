import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/api'
import { newId, random16 } from '../ids.js'
import type { Call, Deadline, Workload } from '../mesh/call.js'
import type { ContextPurpose, DbCall } from './database.js'

export interface SystemCallOptions {
  readonly tenant: string
  readonly purpose?: ContextPurpose
  /** For `provision`. */
  readonly operation?: string
  /** 10 s by default. */
  readonly timeoutMs?: number
  /** Ends it earlier. */
  readonly signal?: AbortSignal
  readonly span?: Span
  /** Who its events say has acted: the service itself. */
  readonly workload?: Pick<Workload, 'spiffeId' | 'service'>
  readonly region?: string
}

/** A background worker's call: what the database and `emitting` need of one. */
export type SystemCall = DbCall &
  Pick<Call, 'decisionId' | 'nextEvent' | 'traceId'> & {
    readonly workload?: Pick<Workload, 'spiffeId' | 'service'>
    readonly region?: string
  }

const TIMEOUT_MS = 10_000

/** A deadline that many milliseconds from now, and no later than `signal`. */
export const deadlineIn = (timeoutMs: number, signal?: AbortSignal): Deadline => {
  const at = performance.now() + timeoutMs
  const timeout = AbortSignal.timeout(Math.ceil(timeoutMs))
  return { at, remaining: () => Math.max(0, at - performance.now()), signal: signal ? AbortSignal.any([timeout, signal]) : timeout }
}

/** What a background worker of a service passes to `Database.run`: nobody's call, for one tenant. What it does is decided by the code that makes it. */
export const systemCall = (options: SystemCallOptions): SystemCall => {
  const { tenant, purpose, operation, timeoutMs = TIMEOUT_MS, signal, workload, region } = options
  const span = options.span ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
  const { traceId } = span.spanContext()
  let ordinal = 0
  return {
    tenant,
    purpose,
    operation,
    deadline: deadlineIn(timeoutMs, signal),
    mayWrite: true,
    span,
    decisionId: random16(),
    traceId: /^0+$/.test(traceId) ? '' : traceId,
    nextEvent: () => ({ id: newId('evt'), ordinal: ++ordinal }),
    workload,
    region,
  }
}
