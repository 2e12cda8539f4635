import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { createJwksSource } from './jwks.js'
import type { JwksSource } from './jwks.js'

const jwk = (kid: string, extra: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
  ...extra,
})
const quiet = { warn: () => undefined }
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createJwksSource()', () => {
  let source: JwksSource | undefined
  afterEach(() => source?.close())

  const open = (initial: Record<string, unknown>[] | undefined) => {
    const issuer = { set: initial, fetches: 0, time: 0 }
    source = createJwksSource({
      fetch: async () => {
        issuer.fetches++
        if (issuer.set === undefined) throw new Error('down')
        return JSON.stringify({ keys: issuer.set })
      },
      log: quiet,
      coolDownMs: 1_000,
      now: () => issuer.time,
    })
    return { issuer, keys: source }
  }

  it('answers a known key at once, and one that came later after one fetch', async () => {
    const { issuer, keys } = open([jwk('a')])
    await settled()
    expect(keys.key('a')).toHaveProperty('asymmetricKeyType', 'ec')
    issuer.set = [jwk('a'), jwk('b')]
    issuer.time = 2_000
    expect(await keys.key('b')).toBeDefined()
  })

  it('fetches once per cool-down for any number of unknown key ids (threats 14)', async () => {
    const { issuer, keys } = open([jwk('a')])
    await settled()
    issuer.time = 5_000
    const asked = await Promise.all(Array.from({ length: 500 }, (_, i) => keys.key(`random-${i}`)))
    expect(asked.every((key) => key === undefined)).toBe(true)
    expect(issuer.fetches).toBe(2)
    expect(keys.key('another')).toBeUndefined()
    expect(keys.key('a')).toBeDefined()
    expect(issuer.fetches).toBe(2)
  })

  it('negative control: without a cool-down every wave fetches', async () => {
    const { issuer, keys } = open([jwk('a')])
    await settled()
    for (issuer.time = 5_000; issuer.time < 10_000; issuer.time += 1_000) await keys.key('random')
    expect(issuer.fetches).toBe(6)
  })

  it('keeps known keys and refuses unknown ones while the issuer is away (threats 13)', async () => {
    const { issuer, keys } = open([jwk('a')])
    await settled()
    issuer.set = undefined
    issuer.time = 5_000
    expect(await keys.key('b')).toBeUndefined()
    expect(keys.key('a')).toBeDefined()
  })

  it('tells when a key was withdrawn', async () => {
    const { issuer, keys } = open([jwk('a')])
    await settled()
    let told = 0
    keys.onWithdrawn!(() => told++)
    issuer.set = [jwk('b')]
    issuer.time = 5_000
    await keys.key('b')
    expect(told).toBe(1)
    expect(keys.key('a')).toBeUndefined()
  })

  it('is not ready, and fails rather than refuses, before the first set', async () => {
    const { keys } = open(undefined)
    await settled()
    expect(keys.ready).toBe(false)
    await expect(Promise.resolve(keys.key('a'))).rejects.toMatchObject({ reason: 'UPSTREAM_UNAVAILABLE' })
  })

  it('passes over keys of another kind', async () => {
    const { keys } = open([
      jwk('enc', { use: 'enc' }),
      jwk('es384', { alg: 'ES384' }),
      jwk('private', { d: 'x' }),
      { kty: 'oct', k: 'eA', kid: 'oct' },
    ])
    await settled()
    for (const kid of ['enc', 'es384', 'private', 'oct']) expect(await keys.key(kid)).toBeUndefined()
    expect(keys.ready).toBe(true)
  })
})
