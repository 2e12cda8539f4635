import { afterEach, describe, expect, it } from '@jest/globals'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { newKey } from './certificates/x509.js'
import type { FetchedJwks } from './jwks.js'
import { createJwks, parseJwks } from './jwks.js'

const jwk = (kid: string, key = newKey()) => ({ ...createPublicKey(key).export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' })
const set = (...keys: unknown[]) => JSON.stringify({ keys })

let jwks: FetchedJwks
afterEach(() => jwks?.close())

describe('createJwks()', () => {
  it('asks once for all who bring an unknown key id, and not again within the cooldown (threats 14)', async () => {
    let fetched = 0
    jwks = createJwks({ fetch: () => (fetched++, Promise.resolve(set(jwk('a')))) })
    const found = await Promise.all(Array.from({ length: 50 }, (_, i) => Promise.resolve(jwks.key(i === 0 ? 'a' : `made-up-${i}`))))
    expect(found[0]).toBeDefined()
    expect(found.slice(1).every((key) => key === undefined)).toBe(true)
    for (let i = 0; i < 1_000; i++) await jwks.key(`random-${i}`)
    expect(fetched).toBe(1)
    expect(jwks.key('a')).not.toBeInstanceOf(Promise)
  })

  it('asks each time without a cooldown: the flood that it keeps out', async () => {
    let fetched = 0
    jwks = createJwks({ cooldownMs: 0, fetch: () => (fetched++, Promise.resolve(set(jwk('a')))) })
    for (let i = 0; i < 20; i++) await jwks.key(`random-${i}`)
    expect(fetched).toBe(20)
  })

  it('knows nobody while the issuer is away (threats 13)', async () => {
    jwks = createJwks({ fetch: () => Promise.reject(new Error('away')) })
    expect(await jwks.key('a')).toBeUndefined()
    expect(jwks.ready).toBe(false)
  })

  it('tells when a key was withdrawn', async () => {
    let current = set(jwk('a'), jwk('b'))
    jwks = createJwks({ fetch: () => Promise.resolve(current) })
    let told = 0
    jwks.onWithdrawn!(() => told++)
    await jwks.refresh()
    expect(told).toBe(0)
    current = set(jwk('b'))
    await jwks.refresh()
    expect(told).toBe(1)
    expect(await jwks.key('a')).toBeUndefined()
  })
})

describe('parseJwks()', () => {
  it('takes ES256 signature keys and nothing else', () => {
    const rsa = { ...generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ format: 'jwk' }), kid: 'rsa' }
    const keys = parseJwks(
      set(jwk('good'), rsa, { kty: 'oct', k: 'AA', kid: 'oct' }, { ...jwk('enc'), use: 'enc' }, { ...jwk('no'), kid: 7 }),
    )
    expect([...keys.keys()]).toEqual(['good'])
  })
})
