import { timingSafeEqual } from 'node:crypto'
import { decrypt } from './aes-gcm.js'
import { createByteCache } from './byte-cache.js'
import type { KeyStore } from './key-store.js'
import type { Opener } from './sealer.js'
import { commitmentOf, partAad, SALT, wrapAad } from './x25519-sealer.js'
import { wrappingKey } from './x25519.js'

/** What opening needs of a key store: the shared secret, and the recipient's public half. */
export interface OpeningKeys extends Pick<KeyStore, 'agree'> {
  publicKey(tenantId: string, keyId: string): Promise<Uint8Array>
}

export interface OpenerOptions {
  readonly keys: OpeningKeys
  /** Opened data keys kept at once, and for how long at most: so long may a destroyed key still open. */
  readonly maxKeys?: number
  readonly maxAgeMs?: number
}

const EPHEMERAL = 32

/** The part is not what a sealer made for this tenant and event: damaged, moved, or meant for another key. */
export class SealBroken extends Error {
  constructor(what: string) {
    super(`sealed part does not open: ${what}`)
    this.name = 'SealBroken'
  }
}

/** Opens sealed parts. Throws SealBroken for a damaged or moved one, KeyDestroyed where the key is gone, AppError KEYS_UNAVAILABLE. */
export const createOpener = ({ keys, maxKeys = 4096, maxAgeMs = 60_000 }: OpenerOptions): Opener & { close(): void } => {
  const opened = createByteCache({ max: maxKeys, maxAgeMs })

  const dataKey = async (tenantId: string, keyId: string, subjectId: string, wrapped: Uint8Array): Promise<Buffer> => {
    const name = `${tenantId}\0${keyId}\0${subjectId}\0${Buffer.from(wrapped).toString('base64')}`
    const known = opened.get(name)
    if (known) return known
    const ephemeral = wrapped.subarray(0, EPHEMERAL)
    const [shared, recipient] = await Promise.all([keys.agree(tenantId, keyId, ephemeral), keys.publicKey(tenantId, keyId)])
    const wrapping = wrappingKey(shared, keyId, ephemeral, recipient)
    const key = decrypt(wrapping, wrapped.subarray(EPHEMERAL), wrapAad(tenantId, keyId, subjectId))
    for (const secret of [shared, wrapping]) secret.fill(0)
    if (!key) throw new SealBroken('wrapped key')
    opened.set(name, key)
    return key
  }

  return {
    open: async (part, tenantId, boundTo) => {
      if (part.wrappedKey.length < EPHEMERAL) throw new SealBroken('wrapped key')
      const key = await dataKey(tenantId, part.keyId, part.subjectId, part.wrappedKey)
      const inside = decrypt(key, part.ciphertext, partAad(boundTo, tenantId, part.keyId, part.subjectId))
      key.fill(0)
      if (!inside || inside.length < SALT) throw new SealBroken('ciphertext')
      const commitment = commitmentOf(inside)
      return {
        details: JSON.parse(inside.subarray(SALT).toString()) as Record<string, unknown>,
        salt: Uint8Array.from(inside.subarray(0, SALT)),
        committed: part.commitment.length === commitment.length && timingSafeEqual(part.commitment, commitment),
      }
    },
    close: opened.clear,
  }
}
