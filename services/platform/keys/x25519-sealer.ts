import { create } from '@bufbuild/protobuf'
import { hash } from 'node:crypto'
import { SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { encrypt, randomInto } from './aes-gcm.js'
import { canonicalJson } from './canonical-json.js'
import { framed } from './framing.js'
import type { PublicKey } from './key-store.js'
import type { Sealer } from './sealer.js'
import { agree, newPair, wrappingKey } from './x25519.js'

export interface SealerOptions {
  /** Data keys kept at once; the oldest are dropped, and made anew when asked for. */
  readonly maxKeys?: number
  /** Parts sealed under one data key at most: nonces are random (NIST SP 800-38D allows 2^32). */
  readonly maxUses?: number
  /** Unix milliseconds. */
  readonly now?: () => number
}

interface DataKey {
  readonly key: Buffer
  readonly wrapped: Buffer
  uses: number
}

const HOUR = 3_600_000
/** "tenantry.sealed.v1" || 0x00, then the salt: what a commitment is taken over. */
const DOMAIN = Buffer.from('tenantry.sealed.v1\0')
export const SALT = 32

/** SHA-256(domain, salt, plaintext), of the salt and plaintext as they stand inside the ciphertext. */
export const commitmentOf = (saltAndPlaintext: Uint8Array): Buffer => hash('sha256', Buffer.concat([DOMAIN, saltAndPlaintext]), 'buffer')

export const partAad = (boundTo: string, tenantId: string, keyId: string, subjectId: string): Buffer =>
  framed('tenantry.sealed.part.v1', boundTo, tenantId, keyId, subjectId)

export const wrapAad = (tenantId: string, keyId: string, subjectId: string): Buffer =>
  framed('tenantry.sealed.key.v1', tenantId, keyId, subjectId)

/**
 * The sealer: one data key for each (tenant, user or none, hour) of this process, wrapped to the public key by ECDH-ES, so that whoever has the process's
 * memory reads an hour at most, and whoever has its disk nothing. `close` drops the keys.
 */
export const createSealer = ({ maxKeys = 10_000, maxUses = 2 ** 24, now = Date.now }: SealerOptions = {}): Sealer & { close(): void } => {
  const keys = new Map<string, DataKey>()
  /** Unix hour of all keys at hand. */
  let hour = -1
  const drop = (name: string): void => {
    keys.get(name)?.key.fill(0)
    keys.delete(name)
  }
  const clear = (): void => {
    for (const name of [...keys.keys()]) drop(name)
  }

  const make = (to: PublicKey, tenantId: string, subjectId: string): DataKey => {
    const ephemeral = newPair()
    const shared = agree(ephemeral.privateKey, to.publicKey)
    const wrapping = wrappingKey(shared, to.keyId, ephemeral.publicKey, to.publicKey)
    const key = Buffer.alloc(32)
    randomInto(key, 0, 32)
    const wrapped = Buffer.concat([ephemeral.publicKey, encrypt(wrapping, key, wrapAad(tenantId, to.keyId, subjectId))])
    for (const secret of [ephemeral.privateKey, shared, wrapping]) secret.fill(0)
    return { key, wrapped, uses: 0 }
  }

  const dataKey = (to: PublicKey, tenantId: string, subjectId: string): DataKey => {
    const current = Math.floor(now() / HOUR)
    if (current !== hour) clear()
    hour = current
    const name = `${tenantId}\0${to.keyId}\0${subjectId}`
    const known = keys.get(name)
    if (known && known.uses < maxUses) return known
    drop(name)
    const oldest = keys.size >= maxKeys ? keys.keys().next() : undefined
    if (oldest && !oldest.done) drop(oldest.value)
    const made = make(to, tenantId, subjectId)
    keys.set(name, made)
    return made
  }

  return {
    seal: (to, tenantId, boundTo, details, subjectId = '') => {
      const data = dataKey(to, tenantId, subjectId)
      data.uses++
      const text = canonicalJson(details)
      const inside = Buffer.allocUnsafe(SALT + Buffer.byteLength(text))
      randomInto(inside, 0, SALT)
      inside.write(text, SALT)
      return create(SealedPartSchema, {
        keyId: to.keyId,
        subjectId,
        wrappedKey: data.wrapped,
        ciphertext: encrypt(data.key, inside, partAad(boundTo, tenantId, to.keyId, subjectId)),
        commitment: commitmentOf(inside),
      })
    },
    close: clear,
  }
}
