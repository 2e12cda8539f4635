import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import type { JWK } from 'jose'
import { PLATFORM_TENANT } from '../../platform/ids.js'
import type { Kms } from '../../platform/keys/kms.js'
import { AppError } from '../../platform/mesh/errors.js'
import { systemCall } from '../../platform/postgres/system-call.js'
import type { IdentityDeps } from '../deps.js'
import { signingKeyEvent, telling } from '../events.js'
import { deleteSigningKeys } from '../store/delete-signing-keys.js'
import { insertSigningKey } from '../store/insert-signing-key.js'
import type { SigningKeyRow } from '../store/rows.js'
import { selectSigningKeys } from '../store/select-signing-keys.js'
import type { KeyPeriods, ScheduledKey } from './key-schedule.js'
import { schedule } from './key-schedule.js'

/** Name of the KMS key that wraps signing keys. */
export const KMS_KEY = 'identity-signing'

export interface SigningKeys {
  /** The key that signs now. Throws AppError KEYS_UNAVAILABLE while there is none. */
  active(): { readonly kid: string; readonly privateKey: KeyObject }
  /** What verifies tokens, as a JWK Set (RFC 7517): public halves only. */
  jwks(): { keys: JWK[] }
  /** Reads the keys anew, and makes the next one when it is due. */
  refresh(): Promise<void>
  ready(): boolean
  close(): Promise<void>
}

export interface SigningKeyOptions extends Pick<IdentityDeps, 'db' | 'sealer' | 'facts' | 'region' | 'self' | 'log'> {
  readonly kms: Kms
  readonly periods?: KeyPeriods
  /** Between two looks at the table: within it, a replica learns of a key that another made. Far less than `ahead`. */
  readonly refreshMs?: number
}

interface Key extends ScheduledKey {
  readonly kid: string
  readonly jwk: JWK
  readonly privateKey: KeyObject
}

const PERIODS: KeyPeriods = { rotate: 86_400, ahead: 3_600, retain: 3_700 }

/**
 * The platform's signing keys, kept in the database with their private halves wrapped. Every replica follows the same rows and the database's clock, and
 * any of them makes the next key; the primary key of the table decides between two that do so at once.
 */
export const openSigningKeys = async (options: SigningKeyOptions): Promise<SigningKeys> => {
  const { db, kms, log, region, self, periods = PERIODS, refreshMs = 30_000 } = options
  let keys: readonly Key[] = []
  /** The database's clock less this process's monotonic one, in seconds. */
  let offset = 0
  const call = () => systemCall({ tenant: PLATFORM_TENANT, region, workload: self })
  const current = () => schedule(keys, performance.now() / 1000 + offset, periods)

  const load = async (): Promise<void> => {
    const [rows] = await db.run(call(), selectSigningKeys(PLATFORM_TENANT))
    const known = new Map(keys.map(({ kid, privateKey }) => [kid, privateKey]))
    const loaded = await Promise.all(rows.map(async (row) => toKey(row, known.get(row.kid) ?? (await unwrap(kms, row)))))
    if (rows[0]) offset = rows[0].now.getTime() / 1000 - performance.now() / 1000
    keys = loaded
  }
  const refresh = async (): Promise<void> => {
    await load()
    const { next, over } = current()
    if (next) {
      const key = await create(kms, next)
      const worker = call()
      await db.run(worker, telling(options, worker, insertSigningKey(key), signingKeyEvent(PLATFORM_TENANT, key.kid)))
      await load()
      log.info({ generation: next.generation }, 'a signing key was published')
    }
    const last = over.at(-1)
    if (last) {
      await db.run(call(), deleteSigningKeys(PLATFORM_TENANT, last.generation))
      await load()
    }
  }

  await refresh()
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running.then(refresh).catch((error: unknown) => log.warn({ err: error }, 'signing keys could not be read or rotated'))
  }, refreshMs)
  timer.unref()

  return {
    active: () => {
      const { active } = current()
      if (!active) throw new AppError('KEYS_UNAVAILABLE', 'no key to sign tokens with')
      return active
    },
    jwks: () => ({ keys: current().published.map(({ jwk }) => jwk) }),
    refresh,
    ready: () => current().active !== undefined,
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}

const contextOf = (kid: string) => ({ purpose: 'identity.signing', tenant: PLATFORM_TENANT, kid })

const create = async (kms: Kms, next: { generation: number; activeIn: number }) => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = pair.publicKey.export({ format: 'jwk' }) as JWK
  const kid = await calculateJwkThumbprint(jwk)
  const wrappedPrivate = await kms.wrap(KMS_KEY, pair.privateKey.export({ format: 'der', type: 'pkcs8' }), contextOf(kid))
  return { tenantId: PLATFORM_TENANT, kid, publicJwk: { ...jwk, kid, alg: 'ES256', use: 'sig' }, wrappedPrivate, ...next }
}

const unwrap = async (kms: Kms, row: SigningKeyRow): Promise<KeyObject> => {
  const der = Buffer.from(await kms.unwrap(KMS_KEY, row.wrapped_private, contextOf(row.kid)))
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return privateKey
}

const toKey = (row: SigningKeyRow, privateKey: KeyObject): Key => ({
  generation: row.generation,
  activeFrom: row.active_from.getTime() / 1000,
  kid: row.kid,
  jwk: row.public_jwk as JWK,
  privateKey,
})
