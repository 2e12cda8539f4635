import { randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectoryLock } from './directory-lock.js'
import { lockDirectory } from './directory-lock.js'
import { makeDirectory, syncDirectory } from './segment-file.js'

/** A process's own directory in the journal, held by its lock. */
export interface InstanceDirectory {
  readonly path: string
  /** Eight hex digits: the instance of a service is `<service>-<id>`, for as long as the directory lives. */
  readonly id: string
  readonly services: readonly string[]
  readonly lock: DirectoryLock
}

interface Meta {
  readonly services: readonly string[]
}

const ID = /^[0-9a-f]{8}$/
const CLEAN = 'clean'

const readMeta = async (path: string): Promise<Meta | undefined> => {
  try {
    return JSON.parse(await readFile(join(path, 'instance.json'), 'utf8')) as Meta
  } catch {
    // Not finished, or gone: nothing was journalled there.
    return undefined
  }
}

const claim = async (root: string, id: string, wanted: (meta: Meta) => boolean): Promise<InstanceDirectory | undefined> => {
  const path = join(root, id)
  const meta = await readMeta(path)
  if (!meta || !wanted(meta)) return undefined
  const lock = await lockDirectory(path).catch(() => undefined)
  return lock && { path, id, services: meta.services, lock }
}

const same = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join() === [...b].sort().join()

/** The first unclaimed directory of a process with the same services, or a new one. */
export const claimDirectory = async (root: string, services: readonly string[]): Promise<InstanceDirectory> => {
  await makeDirectory(root)
  for (const id of (await readdir(root)).filter((name) => ID.test(name)).sort()) {
    const claimed = await claim(root, id, (meta) => same(meta.services, services))
    if (claimed) return claimed
  }
  // Made aside, so that nobody finds a directory without its description or its lock.
  const id = randomBytes(4).toString('hex')
  const aside = join(root, `.new-${id}`)
  await makeDirectory(aside)
  await writeFile(join(aside, 'instance.json'), JSON.stringify({ services } satisfies Meta), { mode: 0o600 })
  const lock = (await lockDirectory(aside))!
  const path = join(root, id)
  await rename(aside, path)
  await syncDirectory(root)
  return { path, id, services, lock }
}

/**
 * Every directory with something left to do that no living process holds, claimed: its epochs are to be ended and its records sent. It stays where it is,
 * so that its owner finds it again under its name.
 */
export const claimOrphans = async (root: string): Promise<InstanceDirectory[]> => {
  const orphans: InstanceDirectory[] = []
  for (const id of (await readdir(root)).filter((name) => ID.test(name))) {
    if ((await readdir(join(root, id)).catch(() => [CLEAN])).includes(CLEAN)) continue
    const claimed = await claim(root, id, () => true)
    if (claimed) orphans.push(claimed)
  }
  return orphans
}

/** Says, until it is written to again, that all its epochs ended and all its records were sent. */
export const markClean = ({ path }: InstanceDirectory): Promise<void> => writeFile(join(path, CLEAN), '')

export const markInUse = ({ path }: InstanceDirectory): Promise<void> => rm(join(path, CLEAN), { force: true })
