/** What the log tells of an error: nothing that may hold a value of a row or a request. */
export interface LoggedError {
  type: string
  message: string
  code?: string
  reason?: string
  constraint?: string
  stack?: string
  cause?: unknown
}

/** What another part described already, as the mesh's error boundary does: an object with a type, and no message. */
const isDescribed = (value: unknown): value is { type: string } =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string' && !('message' in value)

interface Fields {
  code?: unknown
  reason?: unknown
  constraint?: unknown
  severity?: unknown
  cause?: unknown
}

/** Text of Postgres quotes values (`Key (email)=(...)`, `invalid input syntax for type integer: "..."`); its code and constraint name tell enough. */
const isDatabaseError = (error: Error & Fields): boolean =>
  typeof error.severity === 'string' && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)

const string = (value: unknown): string | undefined => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined)

/** Serializes an error for the log: its type, code, reason, frames and causes; the message unless it comes from the database. */
export const logError = (thrown: unknown, depth = 0): LoggedError | { type: string } => {
  if (!(thrown instanceof Error) && isDescribed(thrown)) return thrown
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: 'thrown value is no Error' }
  const error: Error & Fields = thrown
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: error.name,
    message: isDatabaseError(error) ? 'database error' : error.message.slice(0, 500),
    code: string(error.code),
    reason: string(error.reason),
    constraint: string(error.constraint),
    stack: depth === 0 ? frames?.slice(0, 12).join('\n') : undefined,
    cause: error.cause !== undefined && depth < 3 ? logError(error.cause, depth + 1) : undefined,
  }
}
