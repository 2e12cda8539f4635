import { createHash, randomBytes } from 'node:crypto'
import { isId } from '../../platform/ids.js'

const SECRET_BYTES = 32
const SECRET = /^[A-Za-z0-9_-]{43}$/

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** A new refresh token, `<session>.<secret>`, and the hash that is stored of it. */
export const newRefreshToken = (sessionId: string): { token: string; hash: Buffer } => {
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  return { token: `${sessionId}.${secret}`, hash: hashOf(secret) }
}

/** What a presented refresh token names; undefined when it is none of ours by its form. */
export const readRefreshToken = (token: string): { sessionId: string; hash: Buffer } | undefined => {
  const [sessionId = '', secret = '', ...rest] = token.split('.')
  if (rest.length > 0 || !isId('ses', sessionId) || !SECRET.test(secret)) return undefined
  return { sessionId, hash: hashOf(secret) }
}
