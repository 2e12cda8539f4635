import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { cors } from '@connectrpc/connect'

export type EdgeRequest = IncomingMessage | Http2ServerRequest
export type EdgeResponse = ServerResponse | Http2ServerResponse

/** Answered by browsers only after this many seconds again. */
const MAX_AGE_SECONDS = 600
const EXPOSED = [
  ...cors.exposedHeaders,
  'tenantry-decision-id',
  'tenantry-trace-id',
  'trailer-tenantry-decision-id',
  'trailer-tenantry-trace-id',
].join(',')
const ALLOWED = [...cors.allowedHeaders, 'authorization', 'traceparent'].join(',')

/**
 * Cross-origin access for the origins of the configuration alone (Fetch standard): never a wildcard, never credentials, since tokens are sent by hand.
 * True when the request was a preflight and is answered.
 */
export const handleCors = (origins: ReadonlySet<string>, request: EdgeRequest, response: EdgeResponse): boolean => {
  const origin = request.headers.origin
  if (origin === undefined) return false
  response.setHeader('vary', 'origin')
  const allowed = origins.has(origin)
  if (allowed) {
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-expose-headers', EXPOSED)
  }
  if (request.method !== 'OPTIONS') return false
  if (allowed) {
    response.setHeader('access-control-allow-methods', cors.allowedMethods.join(','))
    response.setHeader('access-control-allow-headers', ALLOWED)
    response.setHeader('access-control-max-age', String(MAX_AGE_SECONDS))
  }
  response.statusCode = allowed ? 204 : 403
  response.end()
  return true
}
