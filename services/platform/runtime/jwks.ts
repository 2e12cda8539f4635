import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import type { Logger } from 'pino'
import { AppError } from '../mesh/errors.js'
import type { Jwks } from '../mesh/tokens.js'

export interface JwksOptions {
  /** A JWK Set (RFC 7517) as JSON: identity's answer, or inside identity its own function. */
  readonly fetch: () => Promise<string>
  readonly log: Pick<Logger, 'warn'>
  /** Between regular fetches: the bound within which a withdrawn key is refused everywhere. */
  readonly refreshMs?: number
  /** Least time between fetches that unknown key ids cause, however many there are. */
  readonly coolDownMs?: number
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

export interface JwksSource extends Jwks {
  /** Whether a set was ever had. */
  readonly ready: boolean
  close(): void
}

/** P-256 keys for signatures, by id; anything else in the set is passed over. */
const readSet = (text: string): Map<string, KeyObject> => {
  const { keys } = JSON.parse(text) as { keys: (JsonWebKey & { kid?: unknown; use?: unknown; alg?: unknown })[] }
  const found = new Map<string, KeyObject>()
  for (const jwk of keys) {
    const fits = jwk.kty === 'EC' && jwk.crv === 'P-256' && (jwk.use ?? 'sig') === 'sig' && (jwk.alg ?? 'ES256') === 'ES256'
    if (!fits || typeof jwk.kid !== 'string' || jwk.d !== undefined) continue
    found.set(jwk.kid, createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, format: 'jwk' }))
  }
  return found
}

/**
 * The issuer's public keys, fetched at start and every `refreshMs`. A token with an unknown key id makes one more fetch, shared by all who wait for one and
 * at most one per `coolDownMs`: random key ids cost an honest caller nothing. While the issuer is away known keys go on to verify and unknown ones are
 * refused; before the first set ever, calls fail with UPSTREAM_UNAVAILABLE.
 */
export const createJwksSource = ({
  fetch,
  log,
  refreshMs = 30_000,
  coolDownMs = 1_000,
  now = () => performance.now(),
}: JwksOptions): JwksSource => {
  const listeners = new Set<() => void>()
  let keys = new Map<string, KeyObject>()
  let ready = false
  let last = -Infinity
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let failing = false

  const once = async (): Promise<void> => {
    last = now()
    try {
      const fetched = readSet(await fetch())
      const withdrawn = [...keys.keys()].some((kid) => !fetched.has(kid))
      keys = fetched
      ready = true
      failing = false
      if (withdrawn) for (const listener of listeners) listener()
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'the keys of the token issuer could not be fetched')
      failing = true
    }
  }
  const refresh = (): Promise<void> => {
    clearTimeout(timer)
    running ??= once().finally(() => {
      running = undefined
      if (closed) return
      timer = setTimeout(() => void refresh(), ready && !failing ? refreshMs : coolDownMs)
      timer.unref()
    })
    return running
  }
  const after = async (kid: string, fetched: Promise<void>): Promise<KeyObject | undefined> => {
    await fetched
    if (!ready) throw new AppError('UPSTREAM_UNAVAILABLE', 'the keys of the token issuer are not there yet')
    return keys.get(kid)
  }

  void refresh()
  return {
    get ready() {
      return ready
    },
    key: (kid) => {
      const known = keys.get(kid)
      if (known !== undefined) return known
      if (running !== undefined) return after(kid, running)
      if (now() - last < coolDownMs) return ready ? undefined : after(kid, Promise.resolve())
      return after(kid, refresh())
    },
    onWithdrawn: (listener) => void listeners.add(listener),
    close: () => {
      closed = true
      clearTimeout(timer)
      listeners.clear()
    },
  }
}
