import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readdirSync } from 'node:fs'
import { getOption, hasOption } from '@bufbuild/protobuf'
import { Caller, method as authorization } from '../../proto/gen/tenantry/authz/v1/method_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import { ensureOperator, hasOperator } from './bootstrap.js'
import { BUILT_IN_ROLES } from './built-in-roles.js'
import { checkActions, CONTRACTS } from './known-permissions.js'
import { sweep } from './sweeper.js'
import type { IdentityFixture } from './testing.js'
import { identityFixture, OPERATOR, reasonOf } from './testing.js'

let identity: IdentityFixture
beforeAll(async () => {
  identity = await identityFixture()
})
afterAll(() => identity.close())

const login = (password: string) =>
  identity.call(SessionService.method.createSession, { slug: 'platform', email: OPERATOR.email, password })

describe('ensureOperator()', () => {
  it('made an administrator of the platform tenant, and makes no other', async () => {
    expect(await hasOperator(identity.deps)).toBe(true)
    expect(await ensureOperator(identity.deps, { email: 'second@platform.local', password: 'another long password' })).toBe(false)
    await login(OPERATOR.password)
    const fact = identity.facts.subject(PLATFORM_TENANT, identity.operator.subject.id)!
    expect(fact.grants.map(({ roleId }) => identity.facts.role(PLATFORM_TENANT, roleId)!.actions)).toEqual([['*']])
    expect(await identity.database.query(`select from pool.users where tenant_id = $1`, [PLATFORM_TENANT])).toHaveLength(1)
  })

  it('makes one when two replicas start at once, and all of it or nothing', async () => {
    const empty = await identityFixture()
    await empty.database.query(`truncate pool.users, pool.roles cascade`)
    expect(await hasOperator(empty.deps)).toBe(false)
    const attempts = await Promise.allSettled([1, 2, 3].map(() => ensureOperator(empty.deps, OPERATOR)))
    expect(attempts.filter((one) => one.status === 'fulfilled' && one.value)).toHaveLength(1)
    expect(await ensureOperator(empty.deps, OPERATOR)).toBe(false)
    expect(await empty.database.query(`select from pool.users`)).toHaveLength(1)
    expect(await empty.database.query(`select from pool.grants`)).toHaveLength(1)
    await empty.call(SessionService.method.createSession, { slug: 'platform', ...OPERATOR })
    await empty.close()
  })

  it('says nothing personal in clear', async () => {
    const rows = await identity.database.query<{ text: string }>(
      `select to_jsonb(o)::text as text from platform.outbox o where subject like '%/users/%'`,
    )
    expect(rows.map(({ text }) => text).join()).not.toContain(OPERATOR.email)
  })
})

describe('CONTRACTS', () => {
  it('has every service that subjects or operators call', async () => {
    const found = new Set<string>()
    const root = new URL('../../proto/gen/tenantry/', import.meta.url)
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('_pb.ts'))) {
      const module = (await import(new URL(file, root).href)) as Record<string, { kind?: string; typeName: string; methods: never[] }>
      for (const desc of Object.values(module).filter(({ kind }) => kind === 'service')) {
        const callers = desc.methods.flatMap((method) => (hasOption(method, authorization) ? getOption(method, authorization).callers : []))
        if (callers.includes(Caller.SUBJECT) || callers.includes(Caller.OPERATOR)) found.add(desc.typeName)
      }
    }
    expect(CONTRACTS.map(({ typeName }) => typeName).sort()).toEqual([...found].sort())
  })

  it('knows every action of the built-in roles', () => {
    for (const { actions } of BUILT_IN_ROLES) expect(() => checkActions(actions)).not.toThrow()
    expect(() => checkActions(['data.record.reed'])).toThrow('actions[0]')
  })
})

describe('sweep()', () => {
  it('removes sessions over for hours and old counts, and nothing else', async () => {
    const { tenantId } = identity.addTenant('swept')
    await identity.call(
      UserService.method.createUser,
      { tenantId, email: 's@example.com', password: 'a long enough password' },
      identity.operator,
    )
    const begin = async () =>
      (
        await identity.call(SessionService.method.createSession, {
          slug: 'swept',
          email: 's@example.com',
          password: 'a long enough password',
        })
      ).session!.sessionId
    const [live, ended, gone] = [await begin(), await begin(), await begin()]
    const { query } = identity.database
    await query(`update pool.sessions set revoked_time = now() where session_id = $1`, [ended])
    await query(`update pool.sessions set revoked_time = now() - interval '3 hours' where session_id = $1`, [gone])
    await reasonOf(login('wrong'))
    await query(`insert into pool.login_attempts values ($1, 'old', now() - interval '1 day', 1)`, [PLATFORM_TENANT])
    await sweep(identity.deps)
    const sessions = await query<{ session_id: string }>(`select session_id from pool.sessions where tenant_id = $1 order by 1`, [tenantId])
    expect(sessions.map(({ session_id }) => session_id)).toEqual([live, ended])
    expect(await query(`select from pool.refresh_tokens where session_id = $1`, [gone])).toEqual([])
    expect(await query(`select from pool.login_attempts where key = 'old'`)).toEqual([])
    expect((await query(`select from pool.login_attempts`)).length).toBeGreaterThan(0)
  })
})
