import type { KeyObject } from 'node:crypto'
import { sign, verify } from 'node:crypto'
import { isId } from '../ids.js'
import type { Subject } from './call.js'
import { AppError } from './errors.js'

/** Claims of an access token (RFC 9068), as identity signs them. Times are Unix seconds. */
export interface TokenClaims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  /** Tenant of the subject. */
  readonly tenant: string
  /** Home region of the tenant. */
  readonly region: string
  /** Session that is the root of the token. */
  readonly sid: string
  readonly auth_time: number
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  /** Whether a second factor was given. */
  readonly mfa?: boolean
  /** RFC 8705: the certificate that it is bound to. */
  readonly cnf?: { readonly 'x5t#S256': string }
}

/** Public keys of our own issuer, by key id. */
export interface Jwks {
  /** Undefined: no such key. A promise where it must be asked for first. */
  key(kid: string): KeyObject | undefined | Promise<KeyObject | undefined>
  /** Called when a key was withdrawn: what it verified is forgotten. */
  onWithdrawn?(listener: () => void): void
}

/** A verified token. Whether it is bound to the peer is judged per call. */
export type VerifiedToken = Omit<Subject, 'binding'> & { readonly thumbprint: string | undefined; readonly notBefore: number }

export interface TokenVerifier {
  /** The token's subject, at once when it was seen before. Throws, or rejects with, TOKEN_INVALID or TOKEN_EXPIRED. */
  verify(token: string): VerifiedToken | Promise<VerifiedToken>
}

export interface TokenOptions {
  readonly issuer: string
  readonly audience: string
  readonly jwks: Jwks
  /** Allowed difference of clocks. */
  readonly skewSeconds?: number
  /** Tokens kept per generation. */
  readonly cacheSize?: number
  /** Unix milliseconds. */
  readonly now?: () => number
}

const PART = /^[A-Za-z0-9_-]+$/
const MAX_LENGTH = 4_096
/** ES256: two numbers of 32 bytes (RFC 7518), never DER. */
const SIGNATURE_BYTES = 64

const invalid = (why: string): AppError => new AppError('TOKEN_INVALID', 'the token is not valid', { cause: new Error(why) })
const expired = (): AppError => new AppError('TOKEN_EXPIRED', 'the token has expired')

const object = (part: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    throw invalid('not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object')
  return value as Record<string, unknown>
}

/** The key id of a header that is exactly ours: one algorithm, one type, no way to bring a key or an extension along. */
const keyId = (part: string): string => {
  const header = object(part)
  if (header.alg !== 'ES256' || header.typ !== 'at+jwt') throw invalid('another algorithm or type')
  if (Object.keys(header).some((name) => name !== 'alg' && name !== 'typ' && name !== 'kid'))
    throw invalid('header parameters that we do not use')
  if (typeof header.kid !== 'string' || header.kid.length === 0 || header.kid.length > 64) throw invalid('no key id')
  return header.kid
}

const seconds = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid('a time that is none')
  return value
}

const readClaims = (part: string, token: string, { issuer, audience }: TokenOptions): VerifiedToken => {
  const claims = object(part)
  const { sub, tenant, region, sid, cnf } = claims
  if (claims.iss !== issuer) throw invalid('another issuer')
  if (claims.aud !== audience) throw invalid('another audience')
  if (typeof tenant !== 'string' || !isId('ten', tenant)) throw invalid('no tenant')
  if (typeof region !== 'string' || region === '') throw invalid('no region')
  if (typeof sid !== 'string' || !isId('ses', sid)) throw invalid('no session')
  if (typeof sub !== 'string') throw invalid('no subject')
  const kind = isId('usr', sub) ? 'user' : isId('sva', sub) ? 'service_account' : undefined
  if (kind === undefined) throw invalid('no subject')
  const thumbprint: unknown = cnf === undefined ? undefined : (cnf as Record<string, unknown> | null)?.['x5t#S256']
  if (cnf !== undefined && (typeof thumbprint !== 'string' || thumbprint === '')) throw invalid('a confirmation that we do not know')
  return {
    id: sub,
    kind,
    tenant,
    session: sid,
    region,
    authTime: seconds(claims.auth_time),
    notBefore: seconds(claims.nbf),
    expires: seconds(claims.exp),
    mfa: claims.mfa === true,
    token,
    thumbprint: thumbprint as string | undefined,
  }
}

/**
 * Verifies access tokens (RFC 7519, RFC 9068, RFC 8725): ES256 only, keys of our own set only. A verified token is kept under its raw text, in two
 * generations, and its times are judged at every use; one that was refused is not kept.
 */
export const createTokenVerifier = (options: TokenOptions): TokenVerifier => {
  const { jwks, skewSeconds = 30, cacheSize = 10_000, now = Date.now } = options
  let young = new Map<string, VerifiedToken>()
  let old = new Map<string, VerifiedToken>()
  jwks.onWithdrawn?.(() => {
    young = new Map()
    old = new Map()
  })
  const keep = (verified: VerifiedToken) => {
    if (young.size >= cacheSize) {
      old = young
      young = new Map()
    }
    young.set(verified.token, verified)
  }
  const inTime = (verified: VerifiedToken): VerifiedToken => {
    const time = now() / 1_000
    if (time >= verified.expires + skewSeconds) throw expired()
    if (time < verified.notBefore - skewSeconds) throw invalid('not valid yet')
    return verified
  }
  const check = (token: string, parts: string[], key: KeyObject | undefined): VerifiedToken => {
    const [header, payload, signature] = parts as [string, string, string]
    if (key === undefined) throw invalid('no such key')
    const bytes = Buffer.from(signature, 'base64url')
    if (bytes.length !== SIGNATURE_BYTES || bytes.toString('base64url') !== signature) throw invalid('not an ES256 signature')
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, bytes)) throw invalid('wrong signature')
    const verified = inTime(readClaims(payload, token, options))
    keep(verified)
    return verified
  }
  return {
    verify(token) {
      const known = young.get(token)
      if (known !== undefined) return inTime(known)
      const aged = old.get(token)
      if (aged !== undefined) {
        keep(aged)
        return inTime(aged)
      }
      if (token.length > MAX_LENGTH) throw invalid('too long')
      const parts = token.split('.')
      if (parts.length !== 3 || !parts.every((part) => PART.test(part))) throw invalid('not a JWS')
      const key = jwks.key(keyId(parts[0]!))
      return key instanceof Promise ? key.then((found) => check(token, parts, found)) : check(token, parts, key)
    },
  }
}

/** Signs an access token: identity's side of the same contract. `key` is a private P-256 key. */
export const signToken = (claims: TokenClaims, kid: string, key: KeyObject): string => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'ES256', typ: 'at+jwt', kid })}.${part(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
