import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from './embedded-binaries.js'

const run = promisify(execFile)

/** Environment of the server's programs: nothing of ours. */
export const SERVER_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C' } as const

const PASSWORD_FILE = 'superuser.password'

/**
 * The data directory below `base`, made when it is not there: under another name first, renamed when it is whole, so that a crash in the middle
 * leaves nothing that looks like a cluster. The superuser's password is random and stays in a file of mode 0600.
 */
export const cluster = async (
  base: string,
  bin: string,
  account: Account | undefined,
): Promise<{ data: string; password: string; created: boolean }> => {
  const data = join(base, 'data')
  const passwordFile = join(base, PASSWORD_FILE)
  if (existsSync(join(data, 'PG_VERSION'))) return { data, password: readFileSync(passwordFile, 'utf8'), created: false }

  const partial = join(base, 'data.partial')
  const handOver = join(base, 'initdb.password')
  for (const path of [partial, data, handOver]) rmSync(path, { recursive: true, force: true })
  const password = randomBytes(24).toString('base64url')
  mkdirSync(partial, { mode: 0o700 })
  writeFileSync(handOver, password, { mode: 0o600, flag: 'wx' })
  if (account !== undefined) for (const path of [partial, handOver]) chownSync(path, account.uid, account.gid)
  const options = [
    ...['-D', partial, '-U', 'postgres', '--pwfile', handOver, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C'],
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions', '--no-sync'],
  ]
  try {
    await run(join(bin, 'initdb'), options, { cwd: '/', env: { ...SERVER_ENV }, ...(account && { uid: account.uid, gid: account.gid }) })
  } catch (error) {
    throw new Error(`initdb failed: ${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error })
  } finally {
    rmSync(handOver, { force: true })
  }
  rmSync(passwordFile, { force: true })
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' })
  renameSync(partial, data)
  return { data, password, created: true }
}
