import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto'
import { framed } from './framing.js'

// DER heads of RFC 8410: what precedes the 32 raw bytes of a private and of a public key.
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')

export const privateKeyOf = (raw: Uint8Array): KeyObject => {
  const der = Buffer.concat([PKCS8, raw])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

/** Throws RangeError unless it is 32 bytes. */
export const publicKeyOf = (raw: Uint8Array): KeyObject => {
  if (raw.length !== 32) throw new RangeError('an X25519 public key has 32 bytes')
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
}

/** A new pair: raw private half (the caller zeroes it), raw public half. */
export const newPair = (): { privateKey: Buffer; publicKey: Buffer } => {
  const pair = generateKeyPairSync('x25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  })
  const privateKey = Buffer.from(pair.privateKey.subarray(PKCS8.length))
  pair.privateKey.fill(0)
  return { privateKey, publicKey: Buffer.from(pair.publicKey.subarray(SPKI.length)) }
}

/** X25519 (RFC 7748). Throws on a public key of small order, whose secret would be all zero. */
export const agree = (privateRaw: Uint8Array, publicRaw: Uint8Array): Buffer => {
  const secret = diffieHellman({ privateKey: privateKeyOf(privateRaw), publicKey: publicKeyOf(publicRaw) })
  if (secret.every((byte) => byte === 0)) throw new RangeError('X25519 gave no secret')
  return secret
}

/** The key that wraps a data key for one recipient: HKDF-SHA-256 over the shared secret, bound to the key id and to both public keys. */
export const wrappingKey = (shared: Uint8Array, keyId: string, ephemeral: Uint8Array, recipient: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', shared, '', framed('tenantry.sealed.wrap.v1', keyId, ephemeral, recipient), 32))
