import { createHmac, createHash, pbkdf2Sync, randomBytes } from 'node:crypto'

/** A key that signs tenant contexts of one database. */
export interface ContextKey {
  /** Lower-case letters and digits, at most 16. */
  readonly id: string
  /** 32 bytes, base64url. */
  readonly secret: string
}

/** What the caller keeps (mode 0600): plain JSON. */
export interface DatabaseSecrets {
  /** By role. */
  readonly passwords: Readonly<Record<string, string>>
  /** By service: the key in use. */
  readonly contextKeys: Readonly<Record<string, ContextKey>>
}

export const newContextKey = (): ContextKey => ({ id: randomBytes(6).toString('hex'), secret: randomBytes(32).toString('base64url') })

/** `kept` with everything that is missing made up. The same object when nothing was. */
export const completeSecrets = (
  kept: DatabaseSecrets | undefined,
  roles: readonly string[],
  services: readonly string[],
): DatabaseSecrets => {
  const passwords = { ...kept?.passwords }
  const contextKeys = { ...kept?.contextKeys }
  let made = kept === undefined
  for (const role of roles) {
    if (passwords[role] !== undefined) continue
    passwords[role] = randomBytes(24).toString('base64url')
    made = true
  }
  for (const service of services) {
    if (contextKeys[service] !== undefined) continue
    contextKeys[service] = newContextKey()
    made = true
  }
  return made ? { passwords, contextKeys } : kept!
}

const ITERATIONS = 4096

/** A SCRAM-SHA-256 verifier (RFC 5803) as Postgres stores it: the password itself goes to no server, into no log. */
export const scramVerifier = (password: string, salt: Buffer = randomBytes(16)): string => {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest()
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored.toString('base64')}:${hmac('Server Key').toString('base64')}`
}
