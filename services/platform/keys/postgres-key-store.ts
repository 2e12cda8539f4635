import { randomBytes } from 'node:crypto'
import { base32, uuid7 } from '../ids.js'
import { AppError } from '../mesh/errors.js'
import { decrypt, encrypt } from './aes-gcm.js'
import { createByteCache } from './byte-cache.js'
import { framed } from './framing.js'
import type { KeyStore, PublicKey } from './key-store.js'
import { KeyDestroyed } from './key-store.js'
import type { Kms } from './kms.js'
import { insertDataKey } from './store/insert-data-key.js'
import { insertKek } from './store/insert-kek.js'
import { insertPair } from './store/insert-pair.js'
import type { DataKeyRow, KekRow, KeyPool, KeyQuery, PairRow, WrappedRow } from './store/rows.js'
import { selectDataKey } from './store/select-data-key.js'
import { selectKek } from './store/select-kek.js'
import { selectPair, selectPublicKey } from './store/select-pair.js'
import { selectPrivateHalf } from './store/select-private-half.js'
import { agree, newPair } from './x25519.js'
import type { OpeningKeys } from './x25519-opener.js'

export interface PostgresKeyStoreOptions {
  /** A pool of database `keys` with the role of the service. `close` ends it. */
  readonly pool: KeyPool
  readonly kms: Kms
  /** Name of the KMS key that wraps KEKs of new tenants. */
  readonly kmsKey?: string
  /** Unwrapped keys kept at once, and for how long at most: so long may a destroyed key still work here. */
  readonly maxKeys?: number
  readonly maxAgeMs?: number
}

/** Folder of the migrations, for the owner of database `keys`. */
export const KEY_MIGRATIONS = new URL('./migrations/', import.meta.url)

/**
 * The key store in database `keys`. Every tenant is handled alike, the platform's too. Two processes that make the same key at once get the same one:
 * the first row stays, and both read it back. Errors: AppError KEYS_UNAVAILABLE; KeyDestroyed.
 */
export const createPostgresKeyStore = ({
  pool,
  kms,
  kmsKey = 'tenant-keks',
  maxKeys = 1024,
  maxAgeMs = 60_000,
}: PostgresKeyStoreOptions): KeyStore & OpeningKeys => {
  const kept = createByteCache({ max: maxKeys, maxAgeMs })
  const loading = new Map<string, Promise<Buffer>>()

  const rows = async <Row>(query: KeyQuery): Promise<Row[]> => {
    try {
      return (await pool.query(query)).rows as Row[]
    } catch (error) {
      throw new AppError('KEYS_UNAVAILABLE', 'the key store does not answer', { cause: error })
    }
  }

  const loadOnce = async (name: string, load: () => Promise<Buffer>): Promise<Buffer> => {
    const key = await load()
    kept.set(name, key)
    // All who wait have taken their copy by then.
    setImmediate(() => key.fill(0))
    return key
  }
  /** A copy of what is kept under the name, loaded once however many ask. */
  const cached = async (name: string, load: () => Promise<Buffer>): Promise<Buffer> => {
    const known = kept.get(name)
    if (known) return known
    let loads = loading.get(name)
    if (!loads) {
      loads = loadOnce(name, load).finally(() => loading.delete(name))
      loading.set(name, loads)
    }
    return Buffer.from(await loads)
  }

  const kekOf = (tenantId: string): Promise<Buffer> =>
    cached(`kek\0${tenantId}`, async () => {
      let [row] = await rows<KekRow>(selectKek(tenantId))
      if (!row) {
        const kek = randomBytes(32)
        await rows(insertKek(tenantId, kmsKey, await kms.wrap(kmsKey, kek, kekContext(tenantId))))
        kek.fill(0)
        ;[row] = await rows<KekRow>(selectKek(tenantId))
      }
      if (!row?.wrapped) throw new KeyDestroyed(`kek of ${tenantId}`)
      return Buffer.from(await kms.unwrap(row.kms_key, row.wrapped, kekContext(tenantId)))
    })

  const withKek = async <T>(tenantId: string, work: (kek: Buffer) => T): Promise<T> => {
    const kek = await kekOf(tenantId)
    try {
      return work(kek)
    } finally {
      kek.fill(0)
    }
  }
  const unwrap = (tenantId: string, keyId: string, kind: string, wrapped: Buffer | null): Promise<Buffer> => {
    if (!wrapped) throw new KeyDestroyed(keyId)
    return withKek(tenantId, (kek) => {
      const key = decrypt(kek, wrapped, wrapContext(tenantId, keyId, kind))
      if (!key) throw new AppError('KEYS_UNAVAILABLE', 'a wrapped key is damaged or stands in another place')
      return key
    })
  }

  const pairOf = async (tenantId: string, userId: string): Promise<PublicKey> => {
    let [row] = await rows<PairRow>(selectPair(tenantId, userId))
    if (!row) {
      const pair = newPair()
      const keyId = newKeyId()
      const wrapped = await withKek(tenantId, (kek) => encrypt(kek, pair.privateKey, wrapContext(tenantId, keyId, 'x25519')))
      pair.privateKey.fill(0)
      await rows(insertPair(tenantId, userId, keyId, pair.publicKey, wrapped))
      ;[row] = await rows<PairRow>(selectPair(tenantId, userId))
    }
    return { keyId: row!.key_id, publicKey: Uint8Array.from(row!.public_key) }
  }

  const dataKeyRow = async (tenantId: string, purpose: string): Promise<DataKeyRow> => {
    const [known] = await rows<DataKeyRow>(selectDataKey(tenantId, purpose))
    if (known) return known
    const key = randomBytes(32)
    const keyId = newKeyId()
    const wrapped = await withKek(tenantId, (kek) => encrypt(kek, key, wrapContext(tenantId, keyId, `data/${purpose}`)))
    key.fill(0)
    await rows(insertDataKey(tenantId, purpose, keyId, wrapped))
    return (await rows<DataKeyRow>(selectDataKey(tenantId, purpose)))[0]!
  }

  const privateHalf = (tenantId: string, keyId: string): Promise<Buffer> =>
    cached(`x25519\0${tenantId}\0${keyId}`, async () => {
      const [row] = await rows<WrappedRow>(selectPrivateHalf(tenantId, keyId))
      if (!row) throw new AppError('KEYS_UNAVAILABLE', 'no such key')
      return unwrap(tenantId, keyId, 'x25519', row.wrapped)
    })

  return {
    createTenantKeys: (tenantId) => pairOf(tenantId, ''),
    createUserKeys: (tenantId, userId) => {
      if (userId === '') throw new RangeError('a user id is needed')
      return pairOf(tenantId, userId)
    },
    dataKey: async (tenantId, purpose) => {
      const both = await cached(`data\0${tenantId}\0${purpose}`, async () => {
        const { key_id, wrapped } = await dataKeyRow(tenantId, purpose)
        return Buffer.concat([await unwrap(tenantId, key_id, `data/${purpose}`, wrapped), Buffer.from(key_id)])
      })
      return { keyId: both.toString('utf8', 32), key: both.subarray(0, 32) }
    },
    agree: async (tenantId, keyId, ephemeralPublic) => {
      const half = await privateHalf(tenantId, keyId)
      try {
        return agree(half, ephemeralPublic)
      } finally {
        half.fill(0)
      }
    },
    publicKey: async (tenantId, keyId) => {
      const [row] = await rows<PairRow>(selectPublicKey(tenantId, keyId))
      if (!row) throw new AppError('KEYS_UNAVAILABLE', 'no such key')
      return Uint8Array.from(row.public_key)
    },
    ready: async () => {
      try {
        await rows(selectKek(''))
        return await kms.ready()
      } catch {
        return false
      }
    },
    close: async () => {
      kept.clear()
      await pool.end?.()
    },
  }
}

const newKeyId = (): string => `key_${base32(uuid7())}`

const kekContext = (tenantId: string): Record<string, string> => ({ use: 'tenantry.kek.v1', tenant: tenantId })

/** What a key wrapped by a KEK is bound to: moved to another row it does not unwrap. */
const wrapContext = (tenantId: string, keyId: string, kind: string): Buffer => framed('tenantry.wrapped.v1', tenantId, keyId, kind)
