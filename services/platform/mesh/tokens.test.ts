import { describe, expect, it } from '@jest/globals'
import { createHmac, generateKeyPairSync, sign, verify } from 'node:crypto'
import { newKey } from './certificates/x509.js'
import type { AppError } from './errors.js'
import { AUDIENCE, claims, ISSUER, tokenKeys } from './testing.js'
import type { TokenClaims, TokenOptions } from './tokens.js'
import { createTokenVerifier, signToken } from './tokens.js'

const keys = tokenKeys()
const verifier = (more: Partial<TokenOptions> = {}) => createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks: keys.jwks, ...more })
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: keys.kid }

/** A token signed with our own key, whatever its header and claims say. */
const forged = (header: unknown, body: unknown = claims(), key = keys.key): string => {
  const text = `${part(header)}.${part(body)}`
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const reasonOf = async (token: string, more: Partial<TokenOptions> = {}): Promise<string> => {
  try {
    await verifier(more).verify(token)
    return 'accepted'
  } catch (error) {
    return (error as AppError).reason
  }
}

describe('verify()', () => {
  it('accepts a token of ours', async () => {
    const mine = claims({ mfa: true, cnf: { 'x5t#S256': 'thumb' } })
    const verified = await verifier().verify(signToken(mine, keys.kid, keys.key))
    expect(verified).toMatchObject({ id: mine.sub, kind: 'user', tenant: mine.tenant, session: mine.sid, mfa: true, thumbprint: 'thumb' })
  })

  const hs256 = (body: unknown) => {
    const text = `${part({ ...HEADER, alg: 'HS256' })}.${part(body)}`
    const secret = keys.publicKey.export({ type: 'spki', format: 'pem' })
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const own = newKey()
  const der = () => {
    const text = `${part(HEADER)}.${part(claims())}`
    return `${text}.${sign('sha256', Buffer.from(text), { key: keys.key, dsaEncoding: 'der' }).toString('base64url')}`
  }
  const swapped = () => {
    const [header, , signature] = forged(HEADER).split('.')
    return `${header}.${part(claims())}.${signature}`
  }
  const attacks: Record<string, () => string> = {
    'alg none, no signature': () => `${part({ ...HEADER, alg: 'none' })}.${part(claims())}.`,
    'alg none, our signature': () => forged({ ...HEADER, alg: 'none' }),
    'alg None': () => forged({ ...HEADER, alg: 'None' }),
    'HS256 with our public key as secret': () => hs256(claims()),
    RS256: () => {
      const text = `${part({ ...HEADER, alg: 'RS256' })}.${part(claims())}`
      return `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`
    },
    'ES384 in the header': () => forged({ ...HEADER, alg: 'ES384' }),
    'an array of algorithms': () => forged({ ...HEADER, alg: ['ES256'] }),
    'another type': () => forged({ ...HEADER, typ: 'JWT' }),
    'no type': () => forged({ alg: 'ES256', kid: keys.kid }),
    'a key in the header': () => forged({ ...HEADER, jwk: own.export({ format: 'jwk' }) }, claims(), own),
    'a key url': () => forged({ ...HEADER, jku: 'https://evil.test/jwks.json' }),
    'a certificate url': () => forged({ ...HEADER, x5u: 'https://evil.test/cert.pem' }),
    'a certificate chain': () => forged({ ...HEADER, x5c: ['AA=='] }),
    'a critical extension': () => forged({ ...HEADER, crit: ['b64'], b64: false }),
    'an unknown key id': () => forged({ ...HEADER, kid: 'key-2' }),
    'a path as key id': () => forged({ ...HEADER, kid: '../../dev/null' }),
    'SQL as key id': () => forged({ ...HEADER, kid: "x' union select 'secret" }),
    'a number as key id': () => forged({ ...HEADER, kid: 1 }),
    'no key id': () => forged({ alg: 'ES256', typ: 'at+jwt' }),
    'another key under our key id': () => forged(HEADER, claims(), own),
    'a DER signature': der,
    'claims of another token': swapped,
    'a signature of zeros': () => `${forged(HEADER).split('.').slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`,
    'no signature': () => `${forged(HEADER).split('.').slice(0, 2).join('.')}.`,
    'four parts': () => `${forged(HEADER)}.x`,
    'padding in a part': () => forged(HEADER).replace('.', '=.'),
    'a header that is no object': () => forged('x'),
    'a header that is null': () => forged(null),
    'five thousand characters': () => forged(HEADER, { ...claims(), pad: 'x'.repeat(5_000) }),
  }
  for (const [what, make] of Object.entries(attacks)) {
    it(`refuses ${what} (threats 12)`, async () => {
      expect(await reasonOf(make())).toBe('TOKEN_INVALID')
    })
  }

  it('is needed: a verifier that follows the header takes the forged ones', () => {
    const naive = (token: string): boolean => {
      const [header, body, signature] = token.split('.') as [string, string, string]
      const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string }
      const bytes = Buffer.from(signature, 'base64url')
      if (alg === 'none') return true
      const secret = keys.publicKey.export({ type: 'spki', format: 'pem' })
      if (alg === 'HS256') return createHmac('sha256', secret).update(`${header}.${body}`).digest().equals(bytes)
      return verify('sha256', Buffer.from(`${header}.${body}`), { key: keys.publicKey, dsaEncoding: 'ieee-p1363' }, bytes)
    }
    for (const what of [
      'alg none, no signature',
      'HS256 with our public key as secret',
      'another type',
      'a critical extension',
      'a key url',
    ]) {
      expect([what, naive(attacks[what]!())]).toEqual([what, true])
    }
  })

  const wrong: Record<string, Partial<TokenClaims>> = {
    'another issuer': { iss: 'https://evil.test' },
    'another audience': { aud: 'elsewhere' },
    'a list of audiences': { aud: [AUDIENCE] as unknown as string },
    'a tenant that is no id': { tenant: 'acme' },
    'a subject that is no id': { sub: 'root' },
    'a subject of another kind': { sub: 'ten_00000000000000000000000000' },
    'no session': { sid: '' },
    'no region': { region: '' },
    'a text as expiry': { exp: '9999999999' as unknown as number },
    'an endless expiry': { exp: Infinity },
    'a confirmation without a thumbprint': { cnf: {} as TokenClaims['cnf'] },
    'a confirmation of another kind': { cnf: { jkt: 'x' } as unknown as TokenClaims['cnf'] },
    'not valid before next minute': { nbf: Date.now() / 1_000 + 60 },
  }
  for (const [what, more] of Object.entries(wrong)) {
    it(`refuses ${what} (threats 11)`, async () => {
      expect(await reasonOf(forged(HEADER, claims(more)))).toBe('TOKEN_INVALID')
    })
  }

  it('allows clocks to differ by thirty seconds and no more, for a kept token too', async () => {
    const now = Date.now()
    const token = forged(HEADER, claims({ exp: Math.floor(now / 1_000) }))
    let time = now + 25_000
    const kept = verifier({ now: () => time })
    await expect(Promise.resolve(kept.verify(token))).resolves.toBeDefined()
    time = now + 31_000
    expect(() => kept.verify(token)).toThrow('expired')
    expect(await reasonOf(token, { now: () => time })).toBe('TOKEN_EXPIRED')
  })

  it('keeps verified tokens under their whole text, bounded, and forgets them with their key', async () => {
    let asked = 0
    let withdraw = (): void => undefined
    const kept = verifier({
      cacheSize: 2,
      jwks: { key: (kid) => (asked++, keys.jwks.key(kid)), onWithdrawn: (listener) => (withdraw = listener) },
    })
    const tokens = Array.from({ length: 6 }, () => forged(HEADER))
    for (const token of tokens) await kept.verify(token)
    expect(asked).toBe(6)
    await kept.verify(tokens[5]!)
    expect(asked).toBe(6)
    await kept.verify(tokens[0]!)
    expect(asked).toBe(7)
    withdraw()
    await kept.verify(tokens[0]!)
    expect(asked).toBe(8)
    const altered = tokens[0]!.slice(0, -8) + 'AAAAAAAA'
    await expect(async () => kept.verify(altered)).rejects.toThrow('not valid')
  })
})
