import { setMaxListeners } from 'node:events'
import type { Deadline } from './call.js'
import { AppError } from './errors.js'

/** Longest delay that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** A deadline with its owner's side: the owner ends it, and may cancel it. */
export interface OwnedDeadline extends Deadline {
  /** Why the time is over; undefined while it is not. */
  readonly ended: AppError | undefined
  /** Called once when the time is over, with the reason; at once when it already is. */
  onEnded(listener: (why: AppError) => void): void
  /** The caller went away, or something else ended the call early. */
  cancel(why?: AppError): void
  /** The call is done: timers and listeners go. */
  settle(): void
}

class CallDeadline implements OwnedDeadline {
  readonly at: number
  ended: AppError | undefined
  private controller: AbortController | undefined
  private listeners: ((why: AppError) => void)[] | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.at = performance.now() + ms
    this.timer = setTimeout(() => this.end(new AppError('DEADLINE_EXCEEDED', 'the deadline has passed')), ms)
    this.timer.unref()
  }

  remaining(): number {
    return Math.max(0, this.at - performance.now())
  }

  /** Made when first asked for: most calls never need one. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      // A call may fan out: each of its calls and statements listens.
      setMaxListeners(0, this.controller.signal)
      if (this.ended !== undefined) this.controller.abort(this.ended)
    }
    return this.controller.signal
  }

  onEnded(listener: (why: AppError) => void): void {
    if (this.ended !== undefined) listener(this.ended)
    else (this.listeners ??= []).push(listener)
  }

  cancel(why: AppError = new AppError('CANCELLED', 'the caller cancelled')): void {
    this.end(why)
  }

  settle(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.listeners = undefined
  }

  private end(why: AppError): void {
    if (this.ended !== undefined || this.timer === undefined) return
    this.ended = why
    const listeners = this.listeners
    this.settle()
    this.controller?.abort(why)
    for (const listener of listeners ?? []) listener(why)
  }
}

/** The time of one call: what the caller asked for, or the cap where it asked for more or for nothing. Milliseconds. */
export const startDeadline = (requestedMs: number | undefined, capMs: number): OwnedDeadline =>
  new CallDeadline(Math.min(Math.max(0, requestedMs ?? capMs), capMs, MAX_TIMER_MS))

/** A deadline for work that no call asked for: workers, probes, start-up. Settle it when done. */
export const workDeadline = (ms: number): OwnedDeadline => new CallDeadline(Math.min(ms, MAX_TIMER_MS))

const UNITS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }
const TIMEOUT = /^(\d{1,8})([HMSmun])$/

/** Milliseconds of a `grpc-timeout` header; undefined when it is none. */
export const parseTimeout = (header: string): number | undefined => {
  const [, amount, unit] = TIMEOUT.exec(header) ?? []
  return amount === undefined ? undefined : Number(amount) * UNITS[unit!]!
}
