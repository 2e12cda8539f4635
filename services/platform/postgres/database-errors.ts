import { AppError } from '../mesh/errors.js'
import type { Statement } from './statement.js'

/** SQLSTATE of `platform.signed_context`. */
export const NO_CONTEXT = 'TN001'
/** SQLSTATE of `platform.expect_rows`. */
export const UNEXPECTED_ROWS = 'TN002'
export const UNIQUE_VIOLATION = '23505'
/** What Postgres answers to everything after the error that ended a transaction. */
export const ALREADY_FAILED = '25P02'
const CANCELED = '57014'

/** Timers may fire a little early, and an abort that comes with the deadline is the deadline's. */
const EARLY_MS = 2

/** Whether a call's time is over, as against its caller having gone. */
export const expired = (deadline: { remaining(): number }): boolean => deadline.remaining() <= EARLY_MS

interface PgError {
  readonly code?: unknown
  readonly constraint?: unknown
  readonly severity?: unknown
}

/** The SQLSTATE of an error of the server, or of what an AppError was made from; undefined for any other. */
export const sqlState = (error: unknown): string | undefined => {
  const { code, severity } = (error ?? {}) as PgError
  if (typeof code === 'string' && typeof severity === 'string') return code
  return error instanceof AppError ? sqlState(error.cause) : undefined
}

const CLASSES_UNAVAILABLE = ['08', '53', '57', '58']

/**
 * An error as callers may see it: reasons for what a statement or the platform foresees, with the driver's error as private cause; anything else stays what
 * it is, and becomes INTERNAL further out. An error without an SQLSTATE is a broken connection.
 */
export const toAppError = (
  error: unknown,
  statement: Statement<unknown> | undefined,
  call: { expired: boolean; cancelled: boolean },
): unknown => {
  if (error instanceof AppError) return error
  const code = sqlState(error)
  if (code === undefined) return brokenOrBug(error, call)
  if (code === UNEXPECTED_ROWS) {
    const { reason, message } = statement?.onRows ?? { reason: 'NOT_FOUND' as const, message: 'not found' }
    return new AppError(reason, message, { cause: error })
  }
  const rule = statement?.constraints?.[String((error as PgError).constraint)]
  if (rule !== undefined && code.startsWith('23')) return new AppError(rule.reason, rule.message, { cause: error })
  if (code === CANCELED || code === '25P04') return ended(call, error)
  if (code === '40001' || code === '40P01' || code === '55P03')
    return new AppError('CONFLICT', 'another change came first: try again', { cause: error })
  if (CLASSES_UNAVAILABLE.some((prefix) => code.startsWith(prefix))) return unavailable(error)
  return error
}

/** The driver's own errors of connections have no SQLSTATE; a programming error (TypeError and so on) is no connection's fault. */
const brokenOrBug = (error: unknown, call: { expired: boolean; cancelled: boolean }): unknown => {
  if (error instanceof TypeError || error instanceof RangeError) return error
  return call.expired || call.cancelled ? ended(call, error) : unavailable(error)
}

const ended = (call: { expired: boolean; cancelled: boolean }, cause: unknown): AppError =>
  call.cancelled && !call.expired
    ? new AppError('CANCELLED', 'the caller cancelled', { cause })
    : new AppError('DEADLINE_EXCEEDED', 'the time for the call is over', { cause })

export const unavailable = (cause: unknown): AppError => new AppError('DATABASE_UNAVAILABLE', 'the database does not answer', { cause })

/** The connection went away with COMMIT on the wire: it may have happened. */
export const outcomeUnknown = (cause: unknown): AppError =>
  new AppError('OUTCOME_UNKNOWN', 'the change may or may not have happened: repeat the request_id to find out', { cause })
