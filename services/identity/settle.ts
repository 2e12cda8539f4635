import { setTimeout as sleep } from 'node:timers/promises'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'

/** A renewal that was under way when the change committed may have missed it by so much. */
const MARGIN_MS = 50

/**
 * After the commit of a change that takes something away: resolves when no replica decides without it any more, because each either renewed its facts
 * since or lost its lease. A call whose time is over before is refused; the change stands.
 */
export const inForce = async (leaseMs: number, call: Pick<Call, 'deadline'>): Promise<void> => {
  try {
    await sleep(leaseMs + MARGIN_MS, undefined, { signal: call.deadline.signal })
  } catch (cause) {
    throw new AppError('DEADLINE_EXCEEDED', 'the change was made but is not in force everywhere yet', { cause })
  }
}
