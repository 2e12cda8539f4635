import type { Context } from '@opentelemetry/api'
import { isSpanContextValid, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { status as Code } from '@grpc/grpc-js'
import { random16 } from '../../ids.js'
import type { Link } from '../chain.js'
import { UNKNOWN_METHOD } from '../method.js'

/** W3C Trace Context, version 00. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

/** The span that a `traceparent` names, as the parent of ours. */
export const parentOf = (traceparent: string | undefined): Context | undefined => {
  const [, traceId, spanId, flags] = (traceparent === undefined ? null : TRACEPARENT.exec(traceparent)) ?? []
  if (traceId === undefined || spanId === undefined) return undefined
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: parseInt(flags!, 16) & TraceFlags.SAMPLED, isRemote: true })
}

/**
 * Span, metrics and trace id of a call. A service of ours hands its trace on; anyone else's `traceparent` only becomes a link, so that nobody outside
 * decides what is sampled. Spans and metrics carry names and codes, never what a request says.
 */
export const telemetry: Link = {
  name: 'telemetry',
  wrap(method, _rpc, { tracer, metrics }, next) {
    const label = method.name === UNKNOWN_METHOD ? '_OTHER' : method.name
    const counters = metrics.method(label)
    const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': label }
    return async (call, exchange) => {
      counters.started()
      const given = parentOf(exchange.arrival.headers.traceparent)
      const trusted = exchange.peer.workload.service !== undefined
      const links = given === undefined || trusted ? undefined : [{ context: trace.getSpanContext(given)! }]
      const options = { kind: SpanKind.SERVER, attributes, ...(links === undefined ? undefined : { links }) }
      const span = tracer.startSpan(label, options, trusted && given !== undefined ? given : ROOT_CONTEXT)
      const context = span.spanContext()
      call.span = span
      call.traceId = isSpanContextValid(context) ? context.traceId : random16().toString('hex')
      try {
        const answer = await next(call, exchange)
        const code = Code[answer.code]
        if (span.isRecording()) {
          span.setAttribute('rpc.response.status_code', code)
          if (answer.reason !== undefined) span.setAttribute('error.type', answer.reason)
          if (answer.code === Code.INTERNAL || answer.code === Code.UNAVAILABLE) span.setStatus({ code: SpanStatusCode.ERROR })
        }
        const sampled = (context.traceFlags & TraceFlags.SAMPLED) !== 0
        counters.finished(code, answer.reason, (performance.now() - call.startedAt) / 1_000, sampled ? call.traceId : undefined)
        return answer
      } finally {
        span.end()
      }
    }
  },
}
