import type { IncomingHttpHeaders } from 'node:http2'
import { parseTimeout } from './deadline.js'
import { AppError } from './errors.js'
import type { Arrival } from './exchange.js'

/** What grpc-js must still see; everything else is ours alone, so that nothing reads a header in two ways. */
const TRANSPORT = new Set([':method', ':path', ':scheme', ':authority', 'content-type', 'grpc-encoding'])
/** Names that decide something: each at most once, in one value. */
const SINGLE = /^(?:authorization|traceparent|grpc-timeout|grpc-encoding|tenantry-.*)$/
const ILLEGAL = /[^\x20-\x7e]/
const MAX_PATH = 512

const problem = (name: string, why: string): AppError => new AppError('INVALID_METADATA', `${SINGLE.test(name) ? name : 'metadata'} ${why}`)

/**
 * Reads a call's headers once, from what was on the wire: Node drops a second `authorization` silently and joins others with a comma, so repetition is
 * looked for in the raw list. Removes from `headers` what grpc-js need not see: its own timer (whose arithmetic overflows) among it.
 */
export const readArrival = (headers: IncomingHttpHeaders, raw: readonly string[]): Arrival => {
  const read: Record<string, string> = Object.create(null) as Record<string, string>
  let wrong: AppError | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!
    if (name.charCodeAt(0) === 0x3a) continue
    const value = raw[i + 1]!
    if (ILLEGAL.test(value)) wrong ??= problem(name, 'has characters that are not printable ASCII')
    const before = read[name]
    if (before === undefined) read[name] = value
    else if (SINGLE.test(name)) wrong ??= problem(name, 'is given more than once')
    else read[name] = `${before},${value}`
  }
  for (const name of Object.keys(headers)) if (!TRANSPORT.has(name)) delete headers[name]
  const path = String(headers[':path'] ?? '').slice(0, MAX_PATH)
  const timeout = read['grpc-timeout']
  const timeoutMs = timeout === undefined ? undefined : parseTimeout(timeout)
  if (timeout !== undefined && timeoutMs === undefined) wrong ??= problem('grpc-timeout', 'is not a timeout')
  return { path, headers: read, timeoutMs, problem: wrong }
}
