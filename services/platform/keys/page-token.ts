import { hkdfSync } from 'node:crypto'
import { AppError } from '../mesh/errors.js'
import { decrypt, encrypt } from './aes-gcm.js'
import { framed } from './framing.js'

/** The list that a token goes on with: it opens for the same one only. */
export interface PageBinding {
  /** Full method name. */
  readonly method: string
  readonly tenant: string
  /** Who lists: the subject, else the SPIFFE id. */
  readonly subject: string
  readonly filter: string
  readonly order: string
  /** What else the position depends on, as a collection's id and revision. */
  readonly extra?: string
}

/** Page tokens: sealed positions in a list, shared by all replicas, good for an hour. */
export interface PageTokens {
  /** `cursor`: where the next page begins, in the caller's own form; at most 4 KiB. */
  seal(binding: PageBinding, cursor: string): string
  /** The cursor. Throws AppError INVALID_PAGE_TOKEN, naming `page_token`, for one of another list, a foreign, old or damaged one: always the same. */
  open(binding: PageBinding, token: string): string
}

export interface PageTokenOptions {
  /** Master secret, at least 32 bytes, the same in every replica. */
  readonly secret: Uint8Array
  /** Unix milliseconds. */
  readonly now?: () => number
}

const HOUR = 3_600_000
const SKEW = 30_000
const VERSION = 1
const HEAD = 5
const STAMP = 6
const MAX_CURSOR = 4096
const MAX_TOKEN = 8192

const invalid = (): AppError =>
  new AppError('INVALID_PAGE_TOKEN', 'page_token: is not a token of this list, or is older than an hour', {
    violations: [{ field: 'page_token', description: 'must be the next_page_token of the same list, given out within the hour' }],
  })

/**
 * Token = base64url(version, hour (u32), nonce, ciphertext, tag): AES-256-GCM under a key of that hour, HKDF-SHA-256 of the master secret, with the binding
 * as associated data and the time of issue inside. So keys rotate by themselves, and no replica keeps anything.
 */
export const createPageTokens = ({ secret, now = Date.now }: PageTokenOptions): PageTokens => {
  if (secret.length < 32) throw new RangeError('the master secret of page tokens needs 32 bytes')
  const keys = new Map<number, Buffer>()
  const keyOf = (epoch: number): Buffer => {
    const known = keys.get(epoch)
    if (known) return known
    for (const old of keys.keys()) if (Math.abs(old - epoch) > 2) keys.delete(old)
    const key = Buffer.from(hkdfSync('sha256', secret, '', `tenantry.page-token.v1/${epoch}`, 32))
    keys.set(epoch, key)
    return key
  }
  const aad = (head: Uint8Array, of: PageBinding) => framed(head, of.method, of.tenant, of.subject, of.filter, of.order, of.extra ?? '')

  const seal = (binding: PageBinding, cursor: string): string => {
    const time = now()
    const text = Buffer.from(cursor)
    if (text.length > MAX_CURSOR) throw new RangeError('cursor longer than 4 KiB')
    const head = Buffer.alloc(HEAD)
    head.writeUInt8(VERSION)
    head.writeUInt32BE(Math.floor(time / HOUR), 1)
    const plaintext = Buffer.alloc(STAMP + text.length)
    plaintext.writeUIntBE(time, 0, STAMP)
    text.copy(plaintext, STAMP)
    return Buffer.concat([head, encrypt(keyOf(Math.floor(time / HOUR)), plaintext, aad(head, binding))]).toString('base64url')
  }

  const open = (binding: PageBinding, token: string): string => {
    if (token.length > MAX_TOKEN) throw invalid()
    const bytes = Buffer.from(token, 'base64url')
    // Buffer.from skips what is not base64url: one spelling only.
    if (bytes.toString('base64url') !== token || bytes.length < HEAD || bytes[0] !== VERSION) throw invalid()
    const time = now()
    const epoch = bytes.readUInt32BE(1)
    const current = Math.floor(time / HOUR)
    if (epoch !== current && epoch !== current - 1 && epoch !== Math.floor((time + SKEW) / HOUR)) throw invalid()
    const head = bytes.subarray(0, HEAD)
    const plaintext = decrypt(keyOf(epoch), bytes.subarray(HEAD), aad(head, binding))
    if (!plaintext || plaintext.length < STAMP) throw invalid()
    const issued = plaintext.readUIntBE(0, STAMP)
    if (issued + HOUR < time || issued > time + SKEW) throw invalid()
    return plaintext.subarray(STAMP).toString()
  }
  return { seal, open }
}
