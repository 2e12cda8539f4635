import type { Logger } from 'pino'
import { sweepRequests } from '../postgres/once.js'
import type { WorkerPool } from '../postgres/worker-pool.js'

const EVERY_MS = 600_000
/** Rows that one pass removes at most: a pass that removed as many is followed by another at once. */
const PASS = 1_000

/** Removes request ids that have had their 24 hours, every ten minutes; replicas may do it at once. */
export const startRequestSweeper = (pool: Pick<WorkerPool, 'query'>, log: Pick<Logger, 'warn'>): { close(): Promise<void> } => {
  let stopped = false
  let running: Promise<void> = Promise.resolve()
  const sweep = async (): Promise<void> => {
    try {
      while (!stopped && (await sweepRequests({ query: (text) => pool.query(text) })) >= PASS);
    } catch (error) {
      if (!stopped) log.warn({ err: error }, 'request ids could not be swept')
    }
  }
  const timer = setInterval(() => (running = sweep()), EVERY_MS)
  timer.unref()
  return {
    close: async () => {
      stopped = true
      clearInterval(timer)
      await running
    },
  }
}
