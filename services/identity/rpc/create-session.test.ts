import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import type { JWK } from 'jose'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { PASSWORD_LOGIN } from '../login/checks.js'
import type { Login } from '../login/checks.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, OPERATOR, reasonOf } from '../testing.js'

const { createSession, getJwks } = SessionService.method
const PASSWORD = 'a long enough password'

let identity: IdentityFixture
beforeAll(async () => {
  identity = await identityFixture()
})
afterAll(() => identity.close())

const makeUser = async (tenantId: string, email: string, password = PASSWORD) =>
  (await identity.call(UserService.method.createUser, { tenantId, email, password }, identity.operator)).user!

describe('createSession()', () => {
  it('begins a session and issues an ES256 access token without roles, for five minutes', async () => {
    const { tenantId } = identity.addTenant('acme')
    const user = await makeUser(tenantId, 'Ada@Example.com')
    const { session, tokens } = await identity.call(createSession, { slug: 'acme', email: 'ada@eXample.com', password: PASSWORD })
    expect(session).toMatchObject({ tenantId, userId: user.userId })
    const { jwks } = await identity.call(getJwks, {})
    const keys = (JSON.parse(jwks) as { keys: JWK[] }).keys
    const header = decodeProtectedHeader(tokens!.accessToken)
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: keys[0]!.kid })
    expect(keys.every((key) => key.d === undefined)).toBe(true)
    const { payload } = await jwtVerify(tokens!.accessToken, await importJWK(keys[0]!), {
      issuer: 'https://localhost:8443',
      audience: 'tenantry',
    })
    expect(payload).toEqual({
      iss: 'https://localhost:8443',
      aud: 'tenantry',
      sub: user.userId,
      tenant: tenantId,
      region: 'local',
      sid: session!.sessionId,
      mfa: false,
      jti: expect.any(String),
      iat: expect.any(Number),
      nbf: payload.iat,
      exp: payload.iat! + 300,
      auth_time: expect.any(Number),
    })
    expect(Math.abs((payload['auth_time'] as number) - payload.iat!)).toBeLessThanOrEqual(1)
  })

  it('takes a password in any Unicode form, but no other', async () => {
    identity.addTenant('unicode')
    const { tenantId } = identity.facts.tenantBySlug('unicode')!
    await makeUser(tenantId, 'u@example.com', 'pässwörd pässwörd'.normalize('NFD'))
    const login = (password: string) => identity.call(createSession, { slug: 'unicode', email: 'u@example.com', password })
    await login('pässwörd pässwörd'.normalize('NFC'))
    expect(await reasonOf(login('passwörd pässwörd'))).toBe('CREDENTIALS_REJECTED')
  })

  it('stores neither password nor refresh token in clear', async () => {
    const { tokens, session } = await identity.call(createSession, { slug: 'platform', ...OPERATOR })
    const rows = await identity.database.query<{ text: string }>(
      `select (to_jsonb(c) || to_jsonb(r))::text as text from pool.credentials c join pool.sessions s using (tenant_id, user_id) join pool.refresh_tokens r using (tenant_id, session_id)
       where s.session_id = $1`,
      [session!.sessionId],
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]!.text).toContain('$argon2id$v=19$m=19456,t=2,p=1$')
    expect(rows[0]!.text).not.toContain(OPERATOR.password)
    const [, secret] = tokens!.refreshToken.split('.')
    for (const encoding of ['utf8', 'hex', 'base64'] as const) {
      expect(rows[0]!.text).not.toContain(Buffer.from(secret!).toString(encoding))
      expect(rows[0]!.text).not.toContain(Buffer.from(secret!, 'base64url').toString(encoding))
    }
  })

  // threats 49
  it('answers alike for an unknown tenant, an unknown user, a wrong password and a user without one', async () => {
    const { tenantId } = identity.addTenant('alike')
    await makeUser(tenantId, 'known@example.com')
    await makeUser(tenantId, 'none@example.com', '')
    const answers = await Promise.all(
      [
        { slug: 'nosuch', email: 'known@example.com', password: PASSWORD },
        // The operator's own credentials under a slug that nobody has.
        { slug: 'nosuch', ...OPERATOR },
        { slug: 'alike', email: 'unknown@example.com', password: PASSWORD },
        { slug: 'alike', email: 'known@example.com', password: 'wrong' },
        { slug: 'alike', email: 'none@example.com', password: PASSWORD },
      ].map((request) =>
        identity.call(createSession, request).then(
          () => 'a session',
          ({ reason, message, metadata, violations }) => JSON.stringify({ reason, message, metadata, violations }),
        ),
      ),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('CREDENTIALS_REJECTED')
  })

  it('tells of suspension only those who know the password', async () => {
    const tenant = identity.addTenant('asleep')
    const user = await makeUser(tenant.tenantId, 's@example.com')
    const login = (password: string) => identity.call(createSession, { slug: 'asleep', email: 's@example.com', password })
    await identity.call(UserService.method.suspendUser, { tenantId: tenant.tenantId, userId: user.userId }, identity.operator)
    expect(await reasonOf(login(PASSWORD))).toBe('SUBJECT_SUSPENDED')
    expect(await reasonOf(login('wrong'))).toBe('CREDENTIALS_REJECTED')
    tenant.status = 'suspended'
    expect(await reasonOf(login(PASSWORD))).toBe('TENANT_SUSPENDED')
    expect(await reasonOf(login('wrong'))).toBe('CREDENTIALS_REJECTED')
  })

  it('enters the tenant once its slug is known, so that its log has the record; never for an unknown one', async () => {
    const { tenantId } = identity.addTenant('entered')
    const attempt = async (slug: string) => {
      const request = { slug, email: 'x@example.com', password: 'wrong' }
      const call = identity.makeCall(createSession, {}, {})
      const { rpc } = identity.routes.find(({ method }) => method === createSession)!
      await (rpc as (request: unknown, call: unknown) => Promise<unknown>)(request, call).catch(() => {})
      return call.entered
    }
    expect(await attempt('entered')).toBe(tenantId)
    expect(await attempt('nosuch')).toBeUndefined()
  })
})

// threats 50: as many checks, and as much work, whoever is asked for.
describe('a login', () => {
  const attempt = async (
    slug: string,
    email: string,
    passwords = identity.deps.passwords,
  ): Promise<{ ms: number; checks: number; queries: number; hashes: number }> => {
    let queries = 0
    let hashes = 0
    let checks = 0
    const deps = {
      ...identity.deps,
      db: {
        ...identity.deps.db,
        run: ((...args: never[]) => (queries++, (identity.deps.db.run as (...a: never[]) => unknown)(...args))) as never,
      },
      passwords: { ...passwords, verify: (...args: [string, string | undefined, AbortSignal]) => (hashes++, passwords.verify(...args)) },
    }
    const request = { slug, email, password: 'wrong wrong wrong' }
    const login = { request, call: identity.makeCall(createSession, {}, {}), emailKey: email } as unknown as Login
    const started = performance.now()
    await (async () => {
      for (const check of PASSWORD_LOGIN) {
        checks += 1
        await check(login, deps)
      }
    })().catch(() => {})
    return { ms: performance.now() - started, checks, queries, hashes }
  }
  const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

  const ratios = async (one: () => Promise<{ ms: number }>, other: () => Promise<{ ms: number }>, rounds: number): Promise<number> => {
    const times: [number[], number[]] = [[], []]
    for (let i = 0; i < rounds; i++) {
      times[0].push((await one()).ms)
      times[1].push((await other()).ms)
    }
    return median(times[0]) / median(times[1])
  }

  it('does the same work for known and unknown', async () => {
    const { tenantId } = identity.addTenant('timed')
    await makeUser(tenantId, 'timed@example.com')
    const known = await attempt('timed', 'timed@example.com')
    expect(await attempt('timed', 'unknown@example.com')).toMatchObject({ checks: known.checks, queries: known.queries, hashes: 1 })
    expect(await attempt('nosuch', 'timed@example.com')).toMatchObject({ checks: known.checks, queries: known.queries, hashes: 1 })
  })

  it('takes alike: medians of interleaved attempts differ by no more than noise', async () => {
    const wrong = () => attempt('timed', 'timed@example.com')
    const unknownUser = await ratios(wrong, () => attempt('timed', 'unknown@example.com'), 15)
    const unknownTenant = await ratios(wrong, () => attempt('nosuch', 'timed@example.com'), 15)
    for (const ratio of [unknownUser, unknownTenant]) {
      expect(ratio).toBeGreaterThan(0.6)
      expect(ratio).toBeLessThan(1.67)
    }
  })

  it('would tell, were the work for nobody left out', async () => {
    const { passwords } = identity.deps
    const lazy: typeof passwords = {
      ...passwords,
      verify: (password, hash, signal) => (hash === undefined ? Promise.resolve(false) : passwords.verify(password, hash, signal)),
    }
    const known = () => attempt('timed', 'timed@example.com', lazy)
    expect(await ratios(known, () => attempt('timed', 'unknown@example.com', lazy), 15)).toBeGreaterThan(1.67)
  })
})
