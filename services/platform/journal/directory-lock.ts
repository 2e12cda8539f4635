import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Held until released; a holder that died counts as having released. */
export interface DirectoryLock {
  /** `directory`: where it is by now. */
  release(directory: string): Promise<void>
}

interface Holder {
  readonly pid: number
  /** When the process began, so that a pid used again is not taken for the holder. Empty where the system does not tell. */
  readonly started: string
}

const NAME = /^lock\.(\d+)$/

/**
 * Takes the directory, or answers undefined when a living process has it. The lock is a file `lock.<n>` that names its holder; whoever finds its
 * holder dead makes `lock.<n+1>`, which the file system lets only one do. So no lock is ever replaced or removed under its holder.
 */
export const lockDirectory = async (directory: string): Promise<DirectoryLock | undefined> => {
  const top = (await generations(directory)).at(-1)
  if (top !== undefined && (await held(directory, top))) return undefined
  const mine = (top ?? 0) + 1
  const path = join(directory, `lock.${mine}`)
  const holder: Holder = { pid: process.pid, started: await startOf(process.pid) }
  if (!(await createOnce(path, JSON.stringify(holder)))) return undefined
  const all = await generations(directory)
  // Someone took a later one between our look and our step, released it, and cleared ours away: theirs counts.
  if (all.at(-1) !== mine) {
    await unlink(path).catch(() => undefined)
    return undefined
  }
  for (const old of all) if (old < mine) await clear(directory, old)
  return { release: (at) => writeFile(join(at, `released.${mine}`), '') }
}

const clear = async (directory: string, generation: number): Promise<void> => {
  await unlink(join(directory, `lock.${generation}`)).catch(() => undefined)
  await unlink(join(directory, `released.${generation}`)).catch(() => undefined)
}

const generations = async (directory: string): Promise<number[]> =>
  (await readdir(directory))
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b)

const held = async (directory: string, generation: number): Promise<boolean> => {
  if ((await readdir(directory)).includes(`released.${generation}`)) return false
  let holder: Holder
  try {
    holder = JSON.parse(await readFile(join(directory, `lock.${generation}`), 'utf8')) as Holder
  } catch {
    // Gone since we looked: someone else is at it.
    return true
  }
  return alive(holder)
}

const alive = async ({ pid, started }: Holder): Promise<boolean> => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return (await startOf(pid)) === started
}

/** Boot id and start time of a process, from /proc; empty elsewhere, where only the pid tells. */
const startOf = async (pid: number): Promise<string> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1')
    // Field 22; the name before it, in parentheses, may hold anything.
    return `${boot.trim()}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return ''
  }
}

/** Whole or not at all, and only if it is not there. */
const createOnce = async (path: string, text: string): Promise<boolean> => {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(aside, text, { mode: 0o600, flag: 'wx' })
  try {
    await link(aside, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(aside)
  }
}
