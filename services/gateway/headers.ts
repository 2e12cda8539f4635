import { AppError } from '../platform/mesh/errors.js'

/** Request headers that reach the mesh: all others stay at the edge, whatever their spelling (node gives names in lower case). */
const PASSED = new Set(['authorization', 'traceparent', 'user-agent'])

/** Repeated, each of these would be read by one service as the first and by another as the last. */
const SINGLE = ['authorization', 'traceparent', 'host', 'content-type']

/**
 * What of a request's headers goes on into the mesh. `raw` is node's list of names and values as they were received, because a joined value hides that
 * a header was sent twice.
 */
export const passedHeaders = (raw: readonly string[]): { headers: Record<string, string>; problem: AppError | undefined } => {
  const headers: Record<string, string> = {}
  const seen = new Map<string, number>()
  let problem: AppError | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    seen.set(name, (seen.get(name) ?? 0) + 1)
    if (PASSED.has(name)) headers[name] = raw[i + 1]!
  }
  for (const name of SINGLE) {
    if ((seen.get(name) ?? 0) > 1) problem ??= new AppError('INVALID_METADATA', `${name}: must be sent once`)
  }
  if (headers['authorization']?.includes(',')) problem ??= new AppError('INVALID_METADATA', 'authorization: must be one credential')
  return { headers, problem }
}
