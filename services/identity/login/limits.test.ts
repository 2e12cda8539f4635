import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { AppError } from '../../platform/mesh/errors.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, OPERATOR, reasonOf } from '../testing.js'

const { createSession } = SessionService.method

let identity: IdentityFixture
beforeAll(async () => {
  identity = await identityFixture({ limits: { perAccount: 3, perAddress: 8, windowSeconds: 900 } })
})
afterAll(() => identity.close())

let addresses = 0
const address = () => `198.51.100.${++addresses}`
const attempt = (slug: string, email: string, password: string, clientAddress = address()) =>
  identity.call(createSession, { slug, email, password }, { clientAddress }).then(
    () => 'OK',
    (error: AppError) => error.reason,
  )
const pass = (seconds: number) =>
  identity.database.query(`update pool.login_attempts set window_start = window_start - make_interval(secs => $1)`, [seconds])
const reset = () => identity.database.query(`delete from pool.login_attempts`)

describe('login limits', () => {
  it('refuse an account after its attempts, the right password too, from any address', async () => {
    for (let i = 0; i < 3; i++) expect(await attempt('platform', OPERATOR.email, 'wrong')).toBe('CREDENTIALS_REJECTED')
    expect(await attempt('platform', OPERATOR.email, OPERATOR.password)).toBe('TOO_MANY_ATTEMPTS')
    await pass(1800)
    expect(await attempt('platform', OPERATOR.email, OPERATOR.password)).toBe('OK')
  })

  it('count an account that does not exist, or whose tenant does not, like any other', async () => {
    for (const [slug, email] of [
      ['platform', 'nobody@example.com'],
      ['nosuch', 'nobody@example.com'],
    ] as const) {
      const answers: string[] = []
      for (let i = 0; i < 4; i++) answers.push(await attempt(slug, email, 'wrong'))
      expect(answers).toEqual(['CREDENTIALS_REJECTED', 'CREDENTIALS_REJECTED', 'CREDENTIALS_REJECTED', 'TOO_MANY_ATTEMPTS'])
    }
  })

  it('know an account by its normal form: spelling it otherwise is no way around', async () => {
    await reset()
    for (const email of ['a@Example.com', 'A@example.com', 'a@EXAMPLE.com']) await attempt('platform', email, 'wrong')
    expect(await attempt('platform', 'A@EXAMPLE.COM', 'wrong')).toBe('TOO_MANY_ATTEMPTS')
  })

  it('refuse an address after its attempts, whatever account it tries', async () => {
    await reset()
    const from = address()
    for (let i = 0; i < 8; i++) expect(await attempt('platform', `spray${i}@example.com`, 'wrong', from)).toBe('CREDENTIALS_REJECTED')
    expect(await attempt('platform', 'spray9@example.com', 'wrong', from)).toBe('TOO_MANY_ATTEMPTS')
    expect(await attempt('platform', 'spray9@example.com', 'wrong')).toBe('CREDENTIALS_REJECTED')
  })

  it('refuse an IPv6 network as one address: whoever has it has 2^64 of them', async () => {
    await reset()
    for (let i = 0; i < 8; i++)
      expect(await attempt('platform', `six${i}@example.com`, 'wrong', `2001:db8:0:1::${i}`)).toBe('CREDENTIALS_REJECTED')
    expect(await attempt('platform', 'six8@example.com', 'wrong', '2001:db8:0:1:ffff::8')).toBe('TOO_MANY_ATTEMPTS')
    expect(await attempt('platform', 'six9@example.com', 'wrong', '2001:db8:0:2::8')).toBe('CREDENTIALS_REJECTED')
  })

  it('slide: an attempt of the window before counts by what of it is within reach', async () => {
    await reset()
    for (let i = 0; i < 3; i++) await attempt('platform', 'slide@example.com', 'wrong')
    // The start of a window is the database's clock rounded down, so a whole window back is the window before.
    await pass(900)
    const [row] = await identity.database.query<{ rest: number }>(
      `select extract(epoch from now() - date_bin('900 seconds', now(), timestamptz 'epoch'))::float8 / 900 as rest`,
    )
    const expected = 3 * (1 - row!.rest) + 1 > 3 ? 'TOO_MANY_ATTEMPTS' : 'CREDENTIALS_REJECTED'
    expect(await attempt('platform', 'slide@example.com', 'wrong')).toBe(expected)
  })

  it('are not put off by attempts that they refused', async () => {
    await reset()
    for (let i = 0; i < 20; i++) await attempt('platform', 'flood@example.com', 'wrong')
    const rows = await identity.database.query<{ attempts: number }>(
      `select attempts from pool.login_attempts order by attempts desc limit 1`,
    )
    expect(rows[0]!.attempts).toBe(4)
  })

  it('forget an account, and give the address its attempt back, once it logged in', async () => {
    await reset()
    const from = address()
    for (let i = 0; i < 12; i++) expect(await attempt('platform', OPERATOR.email, OPERATOR.password, from)).toBe('OK')
    await attempt('platform', OPERATOR.email, 'wrong', from)
    expect(await attempt('platform', OPERATOR.email, OPERATOR.password, from)).toBe('OK')
  })

  it('hold when attempts come at once', async () => {
    await reset()
    const answers = await Promise.all(Array.from({ length: 10 }, () => attempt('platform', 'burst@example.com', 'wrong')))
    expect(answers.filter((answer) => answer === 'CREDENTIALS_REJECTED')).toHaveLength(3)
  })

  it('keep neither accounts nor addresses in clear', async () => {
    await attempt('platform', 'canary@example.com', 'wrong', '203.0.113.77')
    const rows = await identity.database.query<{ text: string }>(`select to_jsonb(a)::text as text from pool.login_attempts a`)
    const text = rows.map((row) => row.text).join()
    for (const clear of ['canary@example.com', '203.0.113.77'])
      for (const encoding of ['utf8', 'hex', 'base64'] as const) expect(text).not.toContain(Buffer.from(clear).toString(encoding))
  })

  it("count guesses at one's own current password too", async () => {
    await reset()
    const { id, tenant } = identity.operator.subject
    const guess = () =>
      reasonOf(
        identity.call(
          UserService.method.setPassword,
          { tenantId: tenant, userId: id, currentPassword: 'wrong', newPassword: 'another long password' },
          { ...identity.operator, clientAddress: address() },
        ),
      )
    for (let i = 0; i < 3; i++) expect(await guess()).toBe('CREDENTIALS_REJECTED')
    expect(await guess()).toBe('TOO_MANY_ATTEMPTS')
  })
})
