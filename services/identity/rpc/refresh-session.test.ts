import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../../platform/ids.js'
import type { AppError } from '../../platform/mesh/errors.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, reasonOf } from '../testing.js'
import { newRefreshToken } from '../tokens/refresh-token.js'

const { createSession, refreshSession, revokeSession } = SessionService.method
const PASSWORD = 'a long enough password'

let identity: IdentityFixture
let tenantId: string
let userId: string
beforeAll(async () => {
  identity = await identityFixture()
  tenantId = identity.addTenant('acme').tenantId
  const { user } = await identity.call(
    UserService.method.createUser,
    { tenantId, email: 'a@example.com', password: PASSWORD },
    identity.operator,
  )
  userId = user!.userId
})
afterAll(() => identity.close())

const login = async () => {
  const { session, tokens } = await identity.call(createSession, { slug: 'acme', email: 'a@example.com', password: PASSWORD })
  return { sessionId: session!.sessionId, token: tokens!.refreshToken }
}
const refresh = async (refreshToken: string, tenant = tenantId) =>
  (await identity.call(refreshSession, { tenantId: tenant, refreshToken })).tokens!.refreshToken
const revoked = (sessionId: string) => identity.facts.sessionRevoked(tenantId, userId, sessionId)
const later = (sessionId: string, seconds: number) =>
  identity.database.query(
    `update pool.refresh_tokens set used_time = used_time - make_interval(secs => $2) where session_id = $1 and used_time is not null`,
    [sessionId, seconds],
  )

describe('refreshSession()', () => {
  it('gives a new refresh token each time, for the same session', async () => {
    const { sessionId, token } = await login()
    const second = await refresh(token)
    const third = await refresh(second)
    expect(new Set([token, second, third]).size).toBe(3)
    expect([token, second, third].every((one) => one.startsWith(`${sessionId}.`))).toBe(true)
    expect(revoked(sessionId)).toBe(false)
  })

  it('ends the session when a token is used again after its grace', async () => {
    const { sessionId, token } = await login()
    const second = await refresh(token)
    await later(sessionId, 11)
    expect(await reasonOf(refresh(token))).toBe('REFRESH_TOKEN_REUSED')
    expect(revoked(sessionId)).toBe(true)
    expect(await reasonOf(refresh(second))).toBe('SESSION_REVOKED')
  })

  it('accepts the previous token once more within the grace, and goes on with one chain', async () => {
    const { sessionId, token } = await login()
    const lost = await refresh(token)
    const second = await refresh(token)
    expect(revoked(sessionId)).toBe(false)
    const third = await refresh(second)
    // The answer that was thought lost is in someone else's hands.
    expect(await reasonOf(refresh(lost))).toBe('REFRESH_TOKEN_REUSED')
    expect(await reasonOf(refresh(third))).toBe('SESSION_REVOKED')
  })

  it('accepts no token a third time, and none but the previous one twice', async () => {
    const one = await login()
    await refresh(one.token)
    await refresh(one.token)
    expect(await reasonOf(refresh(one.token))).toBe('REFRESH_TOKEN_REUSED')
    const two = await login()
    await refresh(await refresh(two.token))
    expect(await reasonOf(refresh(two.token))).toBe('REFRESH_TOKEN_REUSED')
  })

  it('gives tokens to two of many at once, and ends the session for the others', async () => {
    const { sessionId, token } = await login()
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(token).catch((error: AppError) => error.reason)))
    const given = answers.filter((answer) => answer.startsWith('ses_'))
    // Two at most: who comes after the reuse was seen finds the session ended.
    expect(given.length).toBe(2)
    expect(answers.filter((answer) => answer === 'REFRESH_TOKEN_REUSED' || answer === 'SESSION_REVOKED')).toHaveLength(6)
    expect(answers).toContain('REFRESH_TOKEN_REUSED')
    expect(revoked(sessionId)).toBe(true)
  })

  it('tells once that a session ended, in the fact of its user', async () => {
    const { sessionId, token } = await login()
    await refresh(await refresh(token))
    await Promise.all(Array.from({ length: 4 }, () => refresh(token).catch(() => {})))
    const events = await identity.database.query<{ attributes: unknown; fact: { subject: { revokedSessions: { sessionId: string }[] } } }>(
      `select * from platform.outbox where type = 'tenantry.identity.user.session_revoked.v1' and attributes->>'session_id' = $1`,
      [sessionId],
    )
    expect(events).toHaveLength(1)
    expect(events[0]!.attributes).toEqual({ session_id: sessionId, cause: 'refresh_token_reused' })
    expect(events[0]!.fact.subject.revokedSessions.map((one) => one.sessionId)).toContain(sessionId)
  })

  it('refuses what is no token of the session', async () => {
    const { sessionId, token } = await login()
    const other = await login()
    const [, secret] = other.token.split('.')
    for (const bad of [
      newRefreshToken(sessionId).token,
      `${sessionId}.${secret}`,
      newRefreshToken(newId('ses')).token,
      `${token}x`,
      token.slice(0, -1),
      `${sessionId}.`,
      'x'.repeat(60),
      '....................',
    ])
      expect(await reasonOf(refresh(bad))).toBe('TOKEN_INVALID')
    // A guess is no reuse: whoever knows a session's id cannot end it.
    await refresh(token)
  })

  it('refuses a token in another tenant like one that does not exist', async () => {
    const { token } = await login()
    const foreign = identity.addTenant('foreign').tenantId
    const answer = (promise: Promise<unknown>) => promise.catch(({ reason, message }: AppError) => ({ reason, message }))
    expect(await answer(refresh(token, foreign))).toEqual(await answer(refresh(newRefreshToken(newId('ses')).token, foreign)))
    expect(await answer(refresh(token, newId('ten')))).toEqual(await answer(refresh(newRefreshToken(newId('ses')).token)))
  })

  it('refuses when the token, the session, the user or the tenant is over', async () => {
    const { query } = identity.database
    const one = await login()
    await query(`update pool.refresh_tokens set expire_time = now() - interval '1 second' where session_id = $1`, [one.sessionId])
    expect(await reasonOf(refresh(one.token))).toBe('TOKEN_EXPIRED')
    const two = await login()
    await query(`update pool.sessions set expire_time = now() - interval '1 second' where session_id = $1`, [two.sessionId])
    expect(await reasonOf(refresh(two.token))).toBe('TOKEN_EXPIRED')
    const three = await login()
    await identity.call(revokeSession, { tenantId, sessionId: three.sessionId }, { subject: { id: userId, tenant: tenantId } })
    expect(await reasonOf(refresh(three.token))).toBe('SESSION_REVOKED')
    const four = await login()
    await identity.call(UserService.method.suspendUser, { tenantId, userId }, identity.operator)
    expect(await reasonOf(refresh(four.token))).toBe('SUBJECT_SUSPENDED')
    await identity.call(UserService.method.resumeUser, { tenantId, userId }, identity.operator)
    const tenant = identity.tenants.get(tenantId)!
    tenant.status = 'suspended'
    expect(await reasonOf(refresh(four.token))).toBe('TENANT_SUSPENDED')
    tenant.status = 'active'
    await refresh(four.token)
  })

  it('never lets a refresh token outlive its session', async () => {
    const { sessionId, token } = await login()
    await identity.database.query(`update pool.sessions set expire_time = now() + interval '1 minute' where session_id = $1`, [sessionId])
    const { tokens, session } = await identity.call(refreshSession, { tenantId, refreshToken: token })
    expect(tokens!.refreshTokenExpireTime).toEqual(session!.expireTime)
  })
})

describe('without the record of used tokens', () => {
  it('a copied refresh token would go on for ever', async () => {
    const { sessionId, token } = await login()
    await refresh(token)
    await identity.database.query(`update pool.refresh_tokens set used_time = null, spent = false where session_id = $1`, [sessionId])
    await refresh(token)
    expect(revoked(sessionId)).toBe(false)
  })
})
