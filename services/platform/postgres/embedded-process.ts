import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './embedded-binaries.js'
import { SERVER_ENV } from './embedded-cluster.js'
import { alive, readPidFile } from './embedded-pid.js'

export const freePort = async (): Promise<number> => {
  for (let attempt = 0; ; attempt++) {
    const port = randomInt(LOW, HIGH)
    try {
      await tried(port)
      return port
    } catch (error) {
      if (attempt === 50) throw error
    }
  }
}

/** Below the range that systems give to outgoing connections: a port that is free here does not go to one of those a moment later. */
const LOW = 10_240
const HIGH = 32_000

const tried = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })

/**
 * The shell replaces itself with the server, so the child's pid is the server's. A reader stays behind on descriptor 3 and stops the server when its
 * other end is gone: nothing outlives a process that was killed. A line on it sends the reader away.
 */
const WATCHED = '( ( read _ || kill -INT $$ ) <&3 3<&- >/dev/null 2>&1 & ) ; exec "$0" "$@" 3<&-'

export interface Launch {
  readonly bin: string
  readonly base: string
  readonly data: string
  readonly account: Account | undefined
  readonly settings: Readonly<Record<string, string | number>>
  /** A FIFO to watch instead of a pipe to this process: the server stops when its last writer is gone. */
  readonly fifo?: string
}

export interface ServerProcess {
  readonly pid: number
  stop(): Promise<void>
}

const READY_MS = 60_000

/** Starts the server and waits until it takes connections. Throws with the end of its log when it does not. */
export const launch = async ({ bin, base, data, account, settings, fifo }: Launch): Promise<ServerProcess> => {
  const logFile = join(base, 'server.log')
  const log = openSync(logFile, 'a', 0o600)
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const script = fifo === undefined ? WATCHED : WATCHED.replace('<&3 3<&-', '<"$WATCH"')
  const child = spawn('/bin/sh', ['-c', script, join(bin, 'postgres'), '-D', data, ...flags], {
    cwd: '/',
    detached: true,
    env: { ...SERVER_ENV, ...(fifo !== undefined && { WATCH: fifo }) },
    stdio: fifo === undefined ? ['ignore', log, log, 'pipe'] : ['ignore', log, log],
    ...(account && { uid: account.uid, gid: account.gid }),
  })
  closeSync(log)
  let ended: string | undefined
  child.once('exit', (code, signal) => (ended = signal ?? `exit ${code}`))
  child.once('error', (error) => (ended = error.message))
  const pipe = child.stdio[3] as Socket | undefined
  // The other end may be gone first, at a stop from outside.
  pipe?.on('error', () => undefined)

  const until = performance.now() + READY_MS
  for (;;) {
    const found = readPidFile(data)
    if (found?.pid === child.pid && found?.status === 'ready') break
    if (ended !== undefined || performance.now() > until) {
      if (ended === undefined) child.kill('SIGQUIT')
      throw new Error(`Postgres did not start (${ended ?? 'too slow'}):\n${readFileSync(logFile, 'utf8').slice(-1000)}`)
    }
    await sleep(5)
  }
  child.unref()
  pipe?.unref()
  const pid = child.pid!
  return {
    pid,
    stop: async () => {
      pipe?.write('x\n')
      if (ended === undefined && alive(pid)) process.kill(pid, 'SIGINT')
      while (ended === undefined && alive(pid)) await sleep(5)
      pipe?.destroy()
    },
  }
}
