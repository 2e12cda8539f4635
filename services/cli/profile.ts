import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What one login left behind: where the platform is, who we are there, and the tokens. Kept in a file of mode 0600. */
export interface Profile {
  /** Origin of the gateway, as in `https://127.0.0.1:8443`. */
  gateway: string
  /** PEM of the CA that the gateway's certificate chains to; absent: the system's. */
  ca?: string
  tenantId: string
  slug: string
  userId: string
  sessionId: string
  accessToken: string
  /** Unix milliseconds. */
  accessTokenExpires: number
  refreshToken: string
}

export interface Profiles {
  read(): Profile | undefined
  write(profile: Profile): void
  remove(): void
  readonly path: string
}

/** The user's configuration directory, after the XDG base directory specification. */
export const configDirectory = (env: Readonly<Record<string, string | undefined>>): string =>
  env['TENANTRY_CONFIG_DIR'] ?? join(env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '.', '.config'), 'tenantry')

/** The named profile in a directory. */
export const openProfile = (directory: string, name: string): Profiles => {
  const path = join(directory, `${name}.json`)
  return {
    path,
    read: () => {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as Profile
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    write: (profile) => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const temporary = `${path}.${process.pid}`
      writeFileSync(temporary, JSON.stringify(profile, null, 2), { mode: 0o600 })
      chmodSync(temporary, 0o600)
      renameSync(temporary, path)
    },
    remove: () => rmSync(path, { force: true }),
  }
}
