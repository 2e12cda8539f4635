import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { PublicKey } from '../keys/key-store.js'
import type { DatabaseSecrets } from '../postgres/secrets.js'

/** Secrets that the services of an installation share, each reading its own: `secrets.json` in the state directory, mode 0600. */
export interface Secrets {
  readonly databases: DatabaseSecrets
  /** Master secret of page tokens, base64url. */
  readonly pageTokens: string
  /** What log keys of tenants are derived from, base64url. */
  readonly journal: string
  /** What services without a key store derive the HMAC keys of request bodies from, base64url. */
  readonly requests: string
  /** The platform tenant's public key, base64url, and its id: made at first start. No secret, but kept with them. */
  readonly platformKey?: { readonly keyId: string; readonly publicKey: string }
}

export const platformKeyOf = ({ platformKey }: Secrets): PublicKey | undefined =>
  platformKey && { keyId: platformKey.keyId, publicKey: Uint8Array.from(Buffer.from(platformKey.publicKey, 'base64url')) }

/** Adds the platform tenant's public key to what is kept. */
export const keepPlatformKey = (stateDir: string, secrets: Secrets, { keyId, publicKey }: PublicKey): Secrets => {
  if (secrets.platformKey?.keyId === keyId) return secrets
  const kept: Secrets = { ...secrets, platformKey: { keyId, publicKey: Buffer.from(publicKey).toString('base64url') } }
  writePrivately(pathOf(stateDir), JSON.stringify(kept, undefined, 2))
  return kept
}

const pathOf = (stateDir: string): string => join(stateDir, 'secrets.json')

/** Writes a file whole or not at all, mode 0600, on disk when this returns. */
export const writePrivately = (path: string, text: string): void => {
  const aside = `${path}.${process.pid}`
  const file = openSync(aside, 'w', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(aside, path)
}

/** What is kept; undefined before the first start. Throws when the file is damaged: nothing may be drawn anew then, because data depends on it. */
export const readSecrets = (stateDir: string): Secrets | undefined => {
  let text: string
  try {
    text = readFileSync(pathOf(stateDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text) as Secrets
  } catch {
    // Without the parser's message, which quotes the text.
    throw new Error(`${pathOf(stateDir)} is damaged`)
  }
}

/** What is kept, completed: `complete` adds what its databases lack. */
export const keepSecrets = (stateDir: string, complete: (kept: DatabaseSecrets | undefined) => DatabaseSecrets): Secrets => {
  const kept = readSecrets(stateDir)
  const databases = complete(kept?.databases)
  if (kept !== undefined && databases === kept.databases) return kept
  const draw = (): string => randomBytes(32).toString('base64url')
  const secrets: Secrets = {
    ...kept,
    databases,
    pageTokens: kept?.pageTokens ?? draw(),
    journal: kept?.journal ?? draw(),
    requests: kept?.requests ?? draw(),
  }
  writePrivately(pathOf(stateDir), JSON.stringify(secrets, undefined, 2))
  return secrets
}
