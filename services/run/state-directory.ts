import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { removeEmbedded } from '../platform/postgres/embedded.js'
import { lockDirectory } from './lock.js'

/** Names in a state directory: whatever else lies in a directory is not ours to remove. */
const OURS = [
  'operator.json',
  'endpoints.json',
  'secrets.json',
  'keyring.json',
  'ca.pem',
  'ca',
  'certs',
  'edge.pem',
  'edge.key',
  'postgres',
  'journal',
  'log',
]

/** Some other directory was named, by mistake perhaps: it is left alone. */
export class NotAStateDirectory extends Error {
  constructor(directory: string) {
    super(`${directory} holds other files: it is not used as a state directory`)
    this.name = 'NotAStateDirectory'
  }
}

export interface StateDirectory {
  /** Absolute. */
  readonly path: string
  release(): void
}

const isOurs = (name: string): boolean => OURS.includes(name) || name === 'lock' || /^(lock|ca\.(new-|pem\.))/.test(name)

/** Takes a state directory for this process, made when absent, emptied when `fresh`. Throws StateDirectoryInUse, NotAStateDirectory. */
export const openStateDirectory = async (directory: string, fresh: boolean): Promise<StateDirectory> => {
  const path = resolve(directory)
  mkdirSync(path, { recursive: true })
  const names = readdirSync(path)
  if (names.some((name) => !isOurs(name)) && !names.includes('secrets.json')) throw new NotAStateDirectory(path)
  // As root Postgres runs under another account, which must get through to its own directory; everything secret in here has modes of its own.
  chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700)
  const release = lockDirectory(path)
  try {
    if (fresh) {
      await removeEmbedded(join(path, 'postgres'))
      for (const name of OURS) rmSync(join(path, name), { recursive: true, force: true })
    }
  } catch (error) {
    release()
    throw error
  }
  return { path, release }
}
