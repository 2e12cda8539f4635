import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../../platform/ids.js'
import type { AppError } from '../../platform/mesh/errors.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, reasonOf } from '../testing.js'

const { createSession, revokeSession, listSessions } = SessionService.method
const PASSWORD = 'a long enough password'

let identity: IdentityFixture
let tenantId: string
const users: Record<string, string> = {}
beforeAll(async () => {
  identity = await identityFixture({ leaseMs: 200 })
  tenantId = identity.addTenant('acme').tenantId
  for (const name of ['ada', 'bob']) {
    const request = { tenantId, email: `${name}@example.com`, password: PASSWORD }
    users[name] = (await identity.call(UserService.method.createUser, request, identity.operator)).user!.userId
  }
})
afterAll(() => identity.close())

const login = async (name: string) =>
  (await identity.call(createSession, { slug: 'acme', email: `${name}@example.com`, password: PASSWORD })).session!.sessionId
const as = (name: string) => ({ subject: { id: users[name]!, tenant: tenantId } })

describe('revokeSession()', () => {
  it("ends one's own session and answers a lease later", async () => {
    const sessionId = await login('ada')
    const started = performance.now()
    await identity.call(revokeSession, { tenantId, sessionId }, as('ada'))
    expect(performance.now() - started).toBeGreaterThanOrEqual(250)
    expect(identity.facts.sessionRevoked(tenantId, users['ada']!, sessionId)).toBe(true)
  })

  it("ends anyone's with the permission, and again without a second event", async () => {
    const sessionId = await login('ada')
    await identity.call(revokeSession, { tenantId, sessionId }, identity.operator)
    await identity.call(revokeSession, { tenantId, sessionId }, identity.operator)
    const events = await identity.database.query(
      `select from platform.outbox where type = 'tenantry.identity.user.session_revoked.v1' and attributes->>'session_id' = $1`,
      [sessionId],
    )
    expect(events).toHaveLength(1)
  })

  it("refuses another's without it, and tells nothing of which there are", async () => {
    const answer = (sessionId: string) =>
      identity.call(revokeSession, { tenantId, sessionId }, as('bob')).catch(({ reason, message }: AppError) => ({ reason, message }))
    const sessionId = await login('ada')
    expect(await answer(sessionId)).toEqual(await answer(newId('ses')))
    expect(identity.facts.sessionRevoked(tenantId, users['ada']!, sessionId)).toBe(false)
    expect(await reasonOf(identity.call(revokeSession, { tenantId, sessionId: newId('ses') }, identity.operator))).toBe('NOT_FOUND')
  })

  it('does not find a session of another tenant', async () => {
    const sessionId = await login('ada')
    const other = identity.addTenant('other').tenantId
    expect(await reasonOf(identity.call(revokeSession, { tenantId: other, sessionId }, identity.operator))).toBe('NOT_FOUND')
    expect(identity.facts.sessionRevoked(tenantId, users['ada']!, sessionId)).toBe(false)
  })

  it('counts versions of the user densely, however many sessions end at once', async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => login('bob')))
    await Promise.all(sessions.map((sessionId) => identity.call(revokeSession, { tenantId, sessionId }, as('bob'))))
    const events = await identity.database.query<{ version: bigint; fact: { subject: { version: string; revokedSessions: unknown[] } } }>(
      `select version, fact from platform.outbox where topic = 'facts' and subject = $1 order by version`,
      [`tenants/${tenantId}/users/${users['bob']}`],
    )
    expect(events.map(({ version }) => Number(version))).toEqual(events.map((_, i) => i + 1))
    expect(events.map(({ fact }) => fact.subject.version)).toEqual(events.map(({ version }) => String(version)))
    expect(events.at(-1)!.fact.subject.revokedSessions).toHaveLength(5)
  })
})

describe('listSessions()', () => {
  it("lists the live sessions of a user in pages, one's own by default", async () => {
    const sessionIds = [await login('ada'), await login('ada'), await login('ada')]
    const first = await identity.call(listSessions, { tenantId, pageSize: 2 }, as('ada'))
    expect(first.sessions).toHaveLength(2)
    const rest = await identity.call(listSessions, { tenantId, userId: '', pageSize: 200, pageToken: first.nextPageToken }, as('ada'))
    const listed = [...first.sessions, ...rest.sessions].map(({ sessionId }) => sessionId)
    expect(listed).toEqual([...listed].sort())
    expect(listed).toEqual(expect.arrayContaining(sessionIds))
    expect(rest.nextPageToken).toBe('')
    await identity.call(revokeSession, { tenantId, sessionId: sessionIds[0]! }, as('ada'))
    const { sessions } = await identity.call(listSessions, { tenantId, userId: users['ada'] }, identity.operator)
    expect(sessions.map(({ sessionId }) => sessionId)).not.toContain(sessionIds[0])
  })

  it('refuses a page token of another user, caller or tenant, and damaged ones', async () => {
    const { nextPageToken } = await identity.call(listSessions, { tenantId, userId: users['ada'], pageSize: 1 }, identity.operator)
    const other = identity.addTenant('elsewhere').tenantId
    for (const [request, caller] of [
      [{ tenantId, userId: users['bob'], pageToken: nextPageToken }, identity.operator],
      [{ tenantId, userId: users['ada'], pageToken: nextPageToken }, as('ada')],
      [{ tenantId: other, userId: users['ada'], pageToken: nextPageToken }, identity.operator],
      [{ tenantId, userId: users['ada'], pageToken: `${nextPageToken}A` }, identity.operator],
      [{ tenantId, userId: users['ada'], pageToken: "' or 1=1 --" }, identity.operator],
    ] as const)
      expect(await reasonOf(identity.call(listSessions, request, caller))).toBe('INVALID_PAGE_TOKEN')
  })
})
