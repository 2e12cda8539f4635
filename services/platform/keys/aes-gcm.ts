import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'

const NONCE = 12
const TAG = 16
const ALGORITHM = 'aes-256-gcm'

const pool = Buffer.alloc(4096)
let used = pool.length

/** Copies `length` random bytes into `target` at `offset`, from a pre-filled pool: one system call in many. */
export const randomInto = (target: Uint8Array, offset: number, length: number): void => {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  pool.copy(target, offset, used, used + length)
  // What was given out is forgotten here: it may be a salt.
  pool.fill(0, used, used + length)
  used += length
}

/** AES-256-GCM under a random 96-bit nonce: nonce (12), ciphertext, tag (16). The caller retires a key by count (NIST SP 800-38D, 8.3). */
export const encrypt = (key: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Buffer => {
  const out = Buffer.allocUnsafe(NONCE + plaintext.length + TAG)
  randomInto(out, 0, NONCE)
  const cipher = createCipheriv(ALGORITHM, key, out.subarray(0, NONCE))
  cipher.setAAD(aad)
  cipher.update(plaintext).copy(out, NONCE)
  cipher.final()
  cipher.getAuthTag().copy(out, NONCE + plaintext.length)
  return out
}

/** Opens what `encrypt` made; undefined when the key, the associated data or any byte of it is another. */
export const decrypt = (key: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Buffer | undefined => {
  if (sealed.length < NONCE + TAG) return undefined
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE), { authTagLength: TAG })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
  const plaintext = decipher.update(sealed.subarray(NONCE, sealed.length - TAG))
  try {
    decipher.final()
    return plaintext
  } catch {
    plaintext.fill(0)
    return undefined
  }
}
