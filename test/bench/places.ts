import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository, from the bundle in dist/bench as from the source. */
export const ROOT = new URL('../../', import.meta.url)

export const POLICY_DIRECTORY = fileURLToPath(new URL('policies/bundle/', ROOT))

/** The process of this file of the bundle. */
export const program = (name: string): string => fileURLToPath(new URL(`dist/bench/${name}.js`, ROOT))

/** A directory on the disk that the repository is on (one in memory would flush for nothing), and its end. */
export const workDirectory = (name: string): { path: string; remove(): void } => {
  const parent = fileURLToPath(new URL('dist/bench/state/', ROOT))
  mkdirSync(parent, { recursive: true, mode: 0o755 })
  const path = mkdtempSync(`${parent}${name}-`)
  const remove = () => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  return { path, remove }
}
