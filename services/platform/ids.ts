import { randomFillSync } from 'node:crypto'

/** Prefixes of the platform's ids, by what they name (decisions: `<prefix>_` and a UUIDv7 in lower-case Crockford base32, 26 characters). */
export type IdPrefix = 'ten' | 'usr' | 'rol' | 'sva' | 'ses' | 'col' | 'rec' | 'fil' | 'evt' | 'op'

/** The reserved tenant of the platform itself: it cannot be suspended or erased. */
export const PLATFORM_TENANT = 'ten_00000000000000000000000000'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const pool = Buffer.alloc(16 * 256)
let used = pool.length

/** 16 random bytes from a pre-filled pool: a system call in 256 rather than one each. The caller owns them. */
export const random16 = (): Buffer => {
  if (used >= pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = Buffer.from(pool.subarray(used, used + 16))
  used += 16
  return bytes
}

/** A UUIDv7 (RFC 9562), 16 bytes: 48 bits of Unix milliseconds, then random bits. */
export const uuid7 = (now = Date.now()): Buffer => {
  const bytes = random16()
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes
}

/** 16 bytes as 26 characters of lower-case Crockford base32, most significant bits first (the first character carries 3 bits). */
export const base32 = (bytes: Uint8Array): string => {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = ALPHABET[Number(value & 31n)]! + text
    value >>= 5n
  }
  return text
}

/** A new id, as in `rec_01k...`: sorts by time of creation. */
export const newId = (prefix: IdPrefix): string => `${prefix}_${base32(uuid7())}`

const ID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/

/** Whether `text` is an id of that prefix, in its only spelling. */
export const isId = (prefix: IdPrefix, text: string): boolean => text.startsWith(`${prefix}_`) && ID.test(text.slice(prefix.length + 1))
