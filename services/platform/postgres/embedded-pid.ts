import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What `postmaster.pid` says: one value a line. */
export interface PidFile {
  readonly pid: number
  readonly socketDirectory: string
  readonly status: string
}

export const readPidFile = (data: string): PidFile | undefined => {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return { pid: Number(lines[0]), socketDirectory: lines[4]?.trim() ?? '', status: lines[7]?.trim() ?? '' }
  } catch {
    return undefined
  }
}

export const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether that process is a server of this data directory: pids are used again, above all in containers. Elsewhere than on Linux, alive is believed. */
const serves = (pid: number, data: string): boolean => {
  if (!alive(pid)) return false
  if (process.platform !== 'linux') return true
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(data)
  } catch {
    return false
  }
}

const STOP_ORPHAN_MS = 30_000
const NO_SUCH_PID = '99999999'

/**
 * Makes way for a new server: an orphan of the same directory is stopped; a pid file whose pid now belongs to a stranger gets one that can't exist. The
 * file itself stays: its shared memory key is how Postgres finds out that backends of a crashed server still live. Returns where the last socket was.
 */
export const clearTheWay = async (data: string, log: (line: string) => void): Promise<string | undefined> => {
  const found = readPidFile(data)
  if (found === undefined) return undefined
  if (serves(found.pid, data)) {
    log('another server runs on this directory, left by a process that is gone: stopping it')
    process.kill(found.pid, 'SIGINT')
    const until = performance.now() + STOP_ORPHAN_MS
    while (serves(found.pid, data)) {
      if (performance.now() > until) throw new Error(`the server of ${data} (process ${found.pid}) does not stop`)
      await sleep(10)
    }
  } else if (alive(found.pid)) {
    const file = join(data, 'postmaster.pid')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, NO_SUCH_PID))
  }
  return found.socketDirectory
}
