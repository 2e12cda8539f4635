import type { RecordedDecision } from '../mesh/authorizer.js'
import { twoGenerations } from './two-generations.js'

/** Longest life of a cached decision, milliseconds. */
export const MAX_AGE_MS = 5000

/** Decisions that allowed, each under everything that it was made from. */
export interface DecisionCache {
  get(key: string): RecordedDecision | undefined
  /** Keeps it until the token expires (Unix seconds; none: undefined), and 5 s at most. */
  set(key: string, decision: RecordedDecision, expires: number | undefined): void
  readonly size: number
}

interface Entry {
  /** As it is answered from the cache. */
  readonly decision: RecordedDecision
  readonly until: number
}

/** A value in a key, with its length before it: no value can pass for two, or reach into the next. */
export const keyPart = (value: string): string => `${value.length}:${value}`

/** Two generations of `perGeneration`. `now` is monotonic, `clock` the time of day that tokens expire by; both in milliseconds. */
export const decisionCache = (
  perGeneration = 10_000,
  now: () => number = () => performance.now(),
  clock: () => number = Date.now,
): DecisionCache => {
  const entries = twoGenerations<Entry>(perGeneration)
  return {
    get: (key) => {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= now() ? undefined : entry.decision
    },
    set: (key, decision, expires) => {
      const left = expires === undefined ? MAX_AGE_MS : Math.min(MAX_AGE_MS, expires * 1000 - clock())
      if (left <= 0) return
      entries.set(key, { decision: { ...decision, cached: true, facts: { ...decision.facts, cached: true } }, until: now() + left })
    },
    get size() {
      return entries.size
    },
  }
}
