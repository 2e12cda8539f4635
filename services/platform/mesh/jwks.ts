import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import type { Jwks } from './tokens.js'

export interface JwksOptions {
  /** Gets the JWK Set (RFC 7517) of our own issuer, as JSON text. */
  fetch(): Promise<string>
  /** At most one fetch in this time, whatever key ids callers make up. */
  readonly cooldownMs?: number
  /** How old the set may become before it is fetched again, so that withdrawn keys go. */
  readonly maxAgeMs?: number
}

export interface FetchedJwks extends Jwks {
  /** Fetches now. Rejects as the fetch does. */
  refresh(): Promise<void>
  /** Whether any key is known. */
  readonly ready: boolean
  close(): void
}

const RETRY_MS = 500

/** The ES256 verification keys of a JWK Set; anything else in it is not for us. */
export const parseJwks = (text: string): Map<string, KeyObject> => {
  const set = JSON.parse(text) as { keys?: unknown }
  const keys = new Map<string, KeyObject>()
  for (const jwk of Array.isArray(set.keys) ? (set.keys as Record<string, unknown>[]) : []) {
    const { kid, kty, crv, use, alg, x, y } = jwk
    if (typeof kid !== 'string' || kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') continue
    if ((use !== undefined && use !== 'sig') || (alg !== undefined && alg !== 'ES256')) continue
    keys.set(kid, createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }))
  }
  return keys
}

/**
 * Keys of our issuer, fetched and kept. An unknown key id asks for the set again, at most once per cooldown and for all callers together; until then, and
 * while the issuer can't be had, it is unknown.
 */
export const createJwks = ({ fetch, cooldownMs = 5_000, maxAgeMs = 60_000 }: JwksOptions): FetchedJwks => {
  let keys = new Map<string, KeyObject>()
  let fetchedAt = -Infinity
  let fetching: Promise<void> | undefined
  const withdrawn: (() => void)[] = []
  const load = async () => {
    const next = parseJwks(await fetch())
    const gone = [...keys].some(([kid, key]) => next.get(kid)?.equals(key) !== true)
    keys = next
    if (gone) for (const listener of withdrawn) listener()
  }
  const refresh = (): Promise<void> => {
    fetchedAt = performance.now()
    fetching ??= load()
      .catch((error: unknown) => {
        // An issuer that is only starting is asked again sooner.
        fetchedAt = Math.min(fetchedAt, performance.now() - cooldownMs + RETRY_MS)
        throw error
      })
      .finally(() => {
        fetching = undefined
      })
    return fetching
  }
  const timer = setInterval(() => {
    // The old set stays while the issuer is away; the next tick asks again.
    refresh().catch(() => undefined)
  }, maxAgeMs)
  timer.unref()
  return {
    key(kid) {
      const known = keys.get(kid)
      if (known !== undefined) return known
      if (fetching === undefined && performance.now() - fetchedAt < cooldownMs) return undefined
      return refresh().then(
        () => keys.get(kid),
        () => undefined,
      )
    },
    onWithdrawn: (listener) => void withdrawn.push(listener),
    refresh,
    get ready() {
      return keys.size > 0
    },
    close: () => clearInterval(timer),
  }
}
