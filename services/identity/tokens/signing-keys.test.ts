import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createPublicKey, verify } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { createTokenVerifier } from '../../platform/mesh/tokens.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, OPERATOR } from '../testing.js'
import type { SigningKeys } from './signing-keys.js'
import { openSigningKeys } from './signing-keys.js'

const PERIODS = { rotate: 1000, ahead: 100, retain: 400 }

let identity: IdentityFixture
const open: SigningKeys[] = []
beforeAll(async () => {
  identity = await identityFixture({ signing: { periods: PERIODS, refreshMs: 3_600_000 } })
})
afterAll(async () => {
  await Promise.all(open.map((keys) => keys.close()))
  await identity.close()
})
const replica = async (over: Partial<Parameters<typeof openSigningKeys>[0]> = {}) => {
  const keys = await openSigningKeys({ ...identity.options, periods: PERIODS, refreshMs: 3_600_000, ...over })
  open.push(keys)
  return keys
}
/** As if so many seconds had passed. */
const pass = (seconds: number) =>
  identity.database.query(`update pool.signing_keys set active_from = active_from - make_interval(secs => $1)`, [seconds])
const reload = async (keys: SigningKeys) => {
  await keys.refresh()
  return keys.jwks().keys.map(({ kid }) => kid)
}
const generations = async () =>
  (await identity.database.query<{ n: number }>(`select generation as n from pool.signing_keys order by 1`)).map(({ n }) => n)

describe('openSigningKeys()', () => {
  it('names keys by their RFC 7638 thumbprint and publishes no private half', async () => {
    const { kid, privateKey } = identity.deps.signingKeys.active()
    expect(kid).toBe(await calculateJwkThumbprint(await exportJWK(createPublicKey(privateKey))))
    const { keys } = identity.deps.signingKeys.jwks()
    expect(keys).toEqual([{ kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String), kid, alg: 'ES256', use: 'sig' }])
  })

  it('keeps private halves wrapped, bound to their kid', async () => {
    const [row] = await identity.database.query<{ wrapped_private: Buffer; text: string }>(
      `select wrapped_private, to_jsonb(k)::text as text from pool.signing_keys k`,
    )
    const der = identity.deps.signingKeys.active().privateKey.export({ format: 'der', type: 'pkcs8' })
    expect(row!.wrapped_private.includes(der.subarray(-32))).toBe(false)
    await expect(identity.options.kms.unwrap('identity-signing', row!.wrapped_private, { kid: 'another' })).rejects.toThrow()
  })

  // threats 13, as far as rotation goes: a token never meets a verifier that could not know its key.
  it('rotates with overlap: published before it signs, and after until its tokens are over', async () => {
    const { signingKeys } = identity.deps
    const first = signingKeys.active().kid
    expect(await reload(signingKeys)).toEqual([first])
    await pass(905)
    const both = await reload(signingKeys)
    expect(both).toHaveLength(2)
    const second = both[1]!
    expect(signingKeys.active().kid).toBe(first)
    await pass(101)
    expect(await reload(signingKeys)).toEqual([first, second])
    expect(signingKeys.active().kid).toBe(second)
    await pass(401)
    expect(await reload(signingKeys)).toEqual([second])
    expect(await generations()).toEqual([2])
  })

  it('makes one next key however many replicas rotate at once', async () => {
    const replicas = await Promise.all([replica(), replica(), replica()])
    await pass(905)
    const sets = await Promise.all(replicas.map(reload))
    expect(sets[0]).toHaveLength(2)
    expect(sets).toEqual([sets[0], sets[0], sets[0]])
    expect(await generations()).toEqual([2, 3])
    const events = await identity.database.query(`select from platform.outbox where type = 'tenantry.identity.signing_key.created.v1'`)
    expect(events).toHaveLength(3)
  })

  it('signs what every replica verifies, through a rotation', async () => {
    const [here, there] = [await replica(), await replica()]
    const message = Buffer.from('x')
    for (let i = 0; i < 4; i++) {
      await pass(450)
      await Promise.all([here.refresh(), there.refresh()])
      const { kid } = here.active()
      const jwk = there.jwks().keys.find((key) => key.kid === kid)!
      const { sign } = await import('node:crypto')
      expect(
        verify('sha256', message, createPublicKey({ key: jwk as never, format: 'jwk' }), sign('sha256', message, here.active().privateKey)),
      ).toBe(true)
    }
  })

  it('does not start while the KMS is away, and goes on with what it has when it goes', async () => {
    const kms = { ...identity.options.kms, unwrap: () => Promise.reject(new Error('away')), wrap: () => Promise.reject(new Error('away')) }
    await expect(replica({ kms })).rejects.toThrow('away')
    await pass(950)
    const going = await replica()
    const { kid } = going.active()
    await expect(going.refresh()).resolves.toBeUndefined()
    expect(going.ready()).toBe(true)
    expect(going.jwks().keys.map((key) => key.kid)).toContain(kid)
  })
})

describe('access tokens', () => {
  // threats 11, 12: what identity signs is what the mesh takes, and nothing that was touched.
  it('are verified by the mesh, unless another issuer, audience, key or algorithm', async () => {
    const { tokens } = await identity.call(SessionService.method.createSession, { slug: 'platform', ...OPERATOR })
    const token = tokens!.accessToken
    const keys = identity.deps.signingKeys.jwks().keys
    const jwks = {
      key: (kid: string) => {
        const jwk = keys.find((key) => key.kid === kid)
        return jwk && createPublicKey({ key: jwk as never, format: 'jwk' })
      },
    }
    const take = async (text: string, over: { issuer?: string; audience?: string; now?: () => number } = {}) =>
      createTokenVerifier({ issuer: 'https://localhost:8443', audience: 'tenantry', jwks, ...over }).verify(text)
    expect(await take(token)).toMatchObject({ id: identity.operator.subject.id, kind: 'user', mfa: false, thumbprint: undefined })
    await expect(take(token, { issuer: 'https://elsewhere' })).rejects.toMatchObject({ reason: 'TOKEN_INVALID' })
    await expect(take(token, { audience: 'other' })).rejects.toMatchObject({ reason: 'TOKEN_INVALID' })
    await expect(take(token, { now: () => Date.now() + 331_000 })).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' })
    const [header, payload, signature] = token.split('.') as [string, string, string]
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    for (const forged of [
      `${part({ alg: 'none', typ: 'at+jwt', kid: keys[0]!.kid })}.${payload}.`,
      `${part({ alg: 'HS256', typ: 'at+jwt', kid: keys[0]!.kid })}.${payload}.${signature}`,
      `${header}.${part({ ...claims, sub: 'usr_00000000000000000000000000' })}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: keys[0]!.kid })}.${payload}.${signature}`,
    ])
      await expect(take(forged)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' })
  })
})
