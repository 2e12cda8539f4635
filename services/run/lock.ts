import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Holder {
  readonly pid: number
  /** When that process began, as the system tells it: a pid alone may belong to another by now. Empty where the system doesn't say. */
  readonly began: string
}

/** State and time of birth: fields 3 and 22 of /proc/<pid>/stat; the second may hold spaces and parentheses. Undefined where there is no such file. */
const look = (pid: number): { state: string; began: string } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, began: fields[19]! }
  } catch {
    return undefined
  }
}

const alive = ({ pid, began }: Holder): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const seen = look(pid)
  // A dead process that nobody has waited for still takes signals.
  if (seen?.state === 'Z') return false
  return began === '' || seen?.began === began
}

const read = (path: string): Holder | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

/** Another process runs on this state directory. */
export class StateDirectoryInUse extends Error {
  constructor(directory: string, pid: number) {
    super(`${directory} is in use by process ${pid}`)
    this.name = 'StateDirectoryInUse'
  }
}

/**
 * Takes the state directory for this process; answers the function that gives it back. What a killed process left is taken over. Throws
 * StateDirectoryInUse.
 */
export const lockDirectory = (directory: string): (() => void) => {
  const path = join(directory, 'lock')
  const mine = `${path}.${process.pid}`
  const own: Holder = { pid: process.pid, began: look(process.pid)?.began ?? '' }
  writeFileSync(mine, JSON.stringify(own), { mode: 0o600 })
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, and fails when there is one.
        linkSync(mine, path)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = read(path)
      if (holder !== undefined && alive(holder)) throw new StateDirectoryInUse(directory, holder.pid)
      takeAway(path, holder)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return () => {
    if (read(path)?.pid === process.pid) rmSync(path, { force: true })
  }
}

/** Removes a stale lock; one that somebody else took meanwhile is put back. */
const takeAway = (path: string, stale: Holder | undefined): void => {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const found = read(aside)
  if (found !== undefined && (found.pid !== stale?.pid || found.began !== stale.began)) {
    try {
      linkSync(aside, path)
    } catch {
      // A third one has it already.
    }
  }
  rmSync(aside, { force: true })
}
