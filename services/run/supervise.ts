import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Called for each line that the child sends over its channel. */
  readonly onMessage?: (message: unknown) => void
  readonly onExit: (exit: { code: number | null; signal: NodeJS.Signals | null; restartInMs: number | undefined }) => void
  readonly firstBackOffMs?: number
  readonly maxBackOffMs?: number
}

export interface Supervised {
  readonly name: string
  readonly pid: number | undefined
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when the child is gone and will not come back. */
  stop(graceMs: number): Promise<void>
}

/** A child that ran this long has recovered: its back-off begins anew. */
const STEADY_MS = 30_000

/**
 * Keeps one child process running: when it ends without having been asked, it is started again after a back-off that doubles. The channel's end tells
 * the child that its parent is gone, so that a killed parent leaves no orphan.
 */
export const supervise = (options: ChildOptions): Supervised => {
  const { firstBackOffMs = 250, maxBackOffMs = 10_000 } = options
  const stopping = new AbortController()
  let child: ChildProcess | undefined
  let backOff = firstBackOffMs

  const once = (): Promise<{ code: number | null; signal: NodeJS.Signals | null }> =>
    new Promise((resolve) => {
      const running = spawn(options.command, options.args, { env: options.env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      child = running
      running.on('message', (message) => options.onMessage?.(message))
      running.once('error', () => resolve({ code: null, signal: null }))
      running.once('exit', (code, signal) => resolve({ code, signal }))
    })

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const started = performance.now()
      const exit = await once()
      child = undefined
      if (stopping.signal.aborted) break
      if (performance.now() - started > STEADY_MS) backOff = firstBackOffMs
      options.onExit({ ...exit, restartInMs: backOff })
      await sleep(backOff, undefined, { signal: stopping.signal }).catch(() => undefined)
      backOff = Math.min(backOff * 2, maxBackOffMs)
    }
  }
  const ended = loop()

  return {
    name: options.name,
    get pid() {
      return child?.pid
    },
    stop: async (graceMs) => {
      stopping.abort()
      child?.kill('SIGTERM')
      const hard = setTimeout(() => child?.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(hard)
    },
  }
}
