import { status as Code } from '@grpc/grpc-js'
import type { Link } from '../chain.js'
import { AppError } from '../errors.js'
import { INTERNAL_MESSAGE, answerError } from '../status.js'
import type { CallState } from '../state.js'

/** Where it was thrown, without its text: messages of drivers quote values. */
const frames = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .join('\n')

/** What may be said of an error in a log: its class, its code, its place, and the same of what caused it; never its message. */
export const describeError = (error: unknown, depth = 0): Record<string, unknown> => {
  if (!(error instanceof Error)) return { type: typeof error }
  const code = (error as { code?: unknown }).code
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : undefined),
    ...(error instanceof AppError ? { reason: error.reason } : undefined),
    at: frames(error),
    ...(error.cause !== undefined && depth < 4 ? { cause: describeError(error.cause, depth + 1) } : undefined),
  }
}

/** What was thrown as the one error class. Work that was cut short by the call's own end says why it ended. */
export const asAppError = (error: unknown, call: Pick<CallState, 'deadline'>): AppError =>
  error instanceof AppError ? error : (call.deadline.ended ?? new AppError('INTERNAL', INTERNAL_MESSAGE, { cause: error }))

/** Turns what is thrown inside into an answer: an AppError as it is, anything else as INTERNAL with a fixed text. Causes go to log and span only. */
export const errorBoundary: Link = {
  name: 'error-boundary',
  wrap(_method, _rpc, _ports, next) {
    return async (call, exchange) => {
      try {
        return await next(call, exchange)
      } catch (thrown) {
        const error = asAppError(thrown, call)
        if (error.code === Code.INTERNAL || error.code === Code.UNAVAILABLE) {
          const described = describeError(error)
          if (error.code === Code.INTERNAL) call.log.error({ err: described }, 'call failed')
          else call.log.warn({ err: described }, 'call failed')
          call.span.addEvent('exception', { 'exception.type': error.cause instanceof Error ? error.cause.name : error.reason })
        }
        return answerError(error, call.decisionId)
      }
    }
  },
}
