import { performance } from 'node:perf_hooks'

/** How long each step of a start took, for the log: a slow one is seen, not guessed. */
export interface Timings {
  timed<T>(step: string, work: () => Promise<T>): Promise<T>
  /** Milliseconds by step, and since the start under `total`. */
  read(): Record<string, number>
}

export const startTimings = (): Timings => {
  const began = performance.now()
  const steps: Record<string, number> = {}
  return {
    timed: async (step, work) => {
      const started = performance.now()
      try {
        return await work()
      } finally {
        steps[step] = Math.round(performance.now() - started)
      }
    },
    read: () => ({ ...steps, total: Math.round(performance.now() - began) }),
  }
}
