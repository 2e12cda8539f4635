import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { DescMethod } from '@bufbuild/protobuf'
import { RoleService } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService, UserStatus } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../../platform/ids.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, reasonOf } from '../testing.js'

const { createUser, updateUser, deleteUser, suspendUser, resumeUser, setPassword, getUser } = UserService.method
const { createSession, refreshSession } = SessionService.method
const PASSWORD = 'a long enough password'
const LEASE_MS = 120

let identity: IdentityFixture
let tenantId: string
beforeAll(async () => {
  identity = await identityFixture({ leaseMs: LEASE_MS })
  tenantId = identity.addTenant('acme').tenantId
})
afterAll(() => identity.close())

let count = 0
const make = async (password = PASSWORD) => {
  const email = `user${++count}@example.com`
  return (await identity.call(createUser, { tenantId, email, displayName: 'Somebody', password }, identity.operator)).user!
}
const as = (userId: string, session?: string) => ({ subject: { id: userId, tenant: tenantId, ...(session && { session }) } })
const login = async (email: string, password = PASSWORD) => identity.call(createSession, { slug: 'acme', email, password })
const eventsOf = (userId: string) =>
  identity.database.query<{ type: string; version: bigint; changed_fields: string[] }>(
    `select type, version, changed_fields from platform.outbox where subject = $1 order by version`,
    [`tenants/${tenantId}/users/${userId}`],
  )
const took = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return performance.now() - started
}

describe('updateUser()', () => {
  const update = (userId: string, request: object) =>
    identity.call(updateUser, { tenantId, userId, ...request } as never, identity.operator)

  it('changes the fields of the mask and no others', async () => {
    const user = await make()
    const { user: changed } = await update(user.userId, {
      displayName: 'New',
      email: 'ignored@example.com',
      updateMask: { paths: ['display_name'] },
    })
    expect(changed).toMatchObject({ displayName: 'New', email: user.email, etag: '2' })
    expect((await eventsOf(user.userId)).at(-1)).toMatchObject({
      type: 'tenantry.identity.user.updated.v1',
      changed_fields: ['display_name'],
    })
    const { user: moved } = await update(user.userId, { email: 'Moved@Example.com', updateMask: { paths: ['email'] } })
    expect(moved).toMatchObject({ displayName: 'New', email: 'Moved@Example.com', etag: '3' })
    await login('moved@example.com')
    expect(await reasonOf(login(user.email))).toBe('CREDENTIALS_REJECTED')
  })

  it("refuses a stale etag after it knows the user, another's address, and masks that name nothing of ours", async () => {
    const user = await make()
    const other = await make()
    const mask = { updateMask: { paths: ['display_name'] }, displayName: 'x' }
    expect(await reasonOf(update(user.userId, { ...mask, etag: '7' }))).toBe('ETAG_MISMATCH')
    expect(await reasonOf(update(newId('usr'), { ...mask, etag: '7' }))).toBe('NOT_FOUND')
    expect(await reasonOf(update(user.userId, { updateMask: { paths: ['email'] }, email: other.email.toUpperCase() }))).toBe(
      'ALREADY_EXISTS',
    )
    for (const paths of [[], ['*'], ['status'], ['email', 'tenant_id'], ['__proto__'], ["email'; --"]])
      expect(await reasonOf(update(user.userId, { updateMask: { paths } }))).toBe('INVALID_FIELD')
    expect(await reasonOf(update(user.userId, { updateMask: { paths: ['email'] }, email: '' }))).toBe('INVALID_FIELD')
    expect((await identity.call(getUser, { tenantId, userId: user.userId }, identity.operator)).user).toEqual(user)
    expect(await eventsOf(user.userId)).toHaveLength(1)
  })

  it('lets one of two changes that saw the same etag through', async () => {
    const user = await make()
    const change = (displayName: string) => update(user.userId, { displayName, etag: '1', updateMask: { paths: ['display_name'] } })
    const results = await Promise.allSettled([change('a'), change('b'), change('c')])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('answers a repetition as the first time, though the user changed since', async () => {
    const user = await make()
    const request = { displayName: 'First', updateMask: { paths: ['display_name'] }, requestId: randomUUID() }
    const first = await update(user.userId, request)
    await update(user.userId, { displayName: 'Second', updateMask: { paths: ['display_name'] } })
    expect(await update(user.userId, request)).toEqual(first)
    expect(await eventsOf(user.userId)).toHaveLength(3)
  })
})

describe('suspendUser() and resumeUser()', () => {
  it('answers when the suspension is in force everywhere; a resumption at once', async () => {
    const user = await make()
    const { userId } = user
    expect(await took(() => identity.call(suspendUser, { tenantId, userId }, identity.operator))).toBeGreaterThanOrEqual(LEASE_MS + 50)
    expect(identity.facts.subject(tenantId, userId)!.status).toBe('suspended')
    await identity.call(resumeUser, { tenantId, userId }, identity.operator)
    expect(identity.facts.subject(tenantId, userId)!.status).toBe('active')
    await login(user.email)
  })

  it('changes nothing of one that is so already, and replays under its request id', async () => {
    const { userId } = await make()
    const requestId = randomUUID()
    const first = await identity.call(suspendUser, { tenantId, userId, requestId }, identity.operator)
    expect(first.user!.status).toBe(UserStatus.SUSPENDED)
    expect(await identity.call(suspendUser, { tenantId, userId }, identity.operator)).toEqual(first)
    expect(await identity.call(suspendUser, { tenantId, userId, requestId }, identity.operator)).toEqual(first)
    expect(await reasonOf(identity.call(suspendUser, { tenantId, userId, requestId, etag: '2' }, identity.operator))).toBe(
      'REQUEST_ID_REUSED',
    )
    expect(await eventsOf(userId)).toHaveLength(2)
  })

  it('refuses to suspend or delete oneself', async () => {
    const { userId } = await make()
    for (const method of [suspendUser, deleteUser] as DescMethod[])
      expect(await reasonOf(identity.call(method, { tenantId, userId } as never, as(userId)))).toBe('IMMUTABLE')
  })
})

describe('deleteUser()', () => {
  it('removes credentials, grants, sessions and everything personal, and leaves a tombstone that says so', async () => {
    const user = await make()
    const { userId } = user
    const { tokens } = await login(user.email)
    const { role } = await identity.call(
      RoleService.method.createRole,
      { tenantId, name: 'reader', actions: ['data.record.read'] },
      identity.operator,
    )
    await identity.call(RoleService.method.grantRole, { tenantId, roleId: role!.roleId, subjectId: userId }, identity.operator)
    expect(await took(() => identity.call(deleteUser, { tenantId, userId }, identity.operator))).toBeGreaterThanOrEqual(LEASE_MS + 50)
    for (const table of ['credentials', 'grants', 'sessions'])
      expect(await identity.database.query(`select from pool.${table} where user_id = $1`, [userId])).toEqual([])
    const [row] = await identity.database.query(`select email, email_key, display_name, status from pool.users where user_id = $1`, [
      userId,
    ])
    expect(row).toEqual({ email: null, email_key: null, display_name: '', status: 'deleted' })
    expect(identity.facts.subject(tenantId, userId)).toMatchObject({ version: 3n, status: 'deleted', deleted: true, grants: [] })
    expect(await reasonOf(login(user.email))).toBe('CREDENTIALS_REJECTED')
    expect(await reasonOf(identity.call(refreshSession, { tenantId, refreshToken: tokens!.refreshToken }))).toBe('TOKEN_INVALID')
    expect(await reasonOf(identity.call(deleteUser, { tenantId, userId }, identity.operator))).toBe('NOT_FOUND')
    await identity.call(createUser, { tenantId, email: user.email }, identity.operator)
  })

  it('answers a repetition with the same request id', async () => {
    const { userId } = await make()
    const request = { tenantId, userId, requestId: randomUUID() }
    await identity.call(deleteUser, request, identity.operator)
    await identity.call(deleteUser, request, identity.operator)
    expect(await eventsOf(userId)).toHaveLength(2)
  })

  it('does not reach into another tenant', async () => {
    const { userId } = await make()
    const other = identity.addTenant('other').tenantId
    expect(await reasonOf(identity.call(deleteUser, { tenantId: other, userId }, identity.operator))).toBe('NOT_FOUND')
    expect(identity.facts.subject(tenantId, userId)!.deleted).toBe(false)
  })
})

describe('setPassword()', () => {
  const NEW = 'another long password'

  it("sets one's own with the current one, keeps this session and ends the others", async () => {
    const user = await make()
    const here = await login(user.email)
    const there = await login(user.email)
    const caller = as(user.userId, here.session!.sessionId)
    const request = { tenantId, userId: user.userId, currentPassword: PASSWORD, newPassword: NEW }
    expect(await took(() => identity.call(setPassword, request, caller))).toBeGreaterThanOrEqual(LEASE_MS + 50)
    expect(identity.facts.sessionRevoked(tenantId, user.userId, here.session!.sessionId)).toBe(false)
    expect(identity.facts.sessionRevoked(tenantId, user.userId, there.session!.sessionId)).toBe(true)
    expect(await reasonOf(login(user.email))).toBe('CREDENTIALS_REJECTED')
    await login(user.email, NEW)
  })

  it("refuses one's own without the current one, and another's without the permission", async () => {
    const user = await make()
    const other = await make()
    const set = (userId: string, currentPassword: string) =>
      identity.call(setPassword, { tenantId, userId, currentPassword, newPassword: NEW }, as(user.userId))
    expect(await reasonOf(set(user.userId, ''))).toBe('INVALID_FIELD')
    expect(await reasonOf(set(user.userId, 'wrong'))).toBe('CREDENTIALS_REJECTED')
    expect(await reasonOf(set(other.userId, PASSWORD))).toBe('NOT_OWNER')
    expect(await reasonOf(set(newId('usr'), PASSWORD))).toBe('NOT_OWNER')
    await login(user.email)
    await login(other.email)
  })

  it("sets another's with the permission and ends all its sessions; an absent user is not found", async () => {
    const user = await make('')
    const set = (userId: string) => identity.call(setPassword, { tenantId, userId, newPassword: NEW }, identity.operator)
    await set(user.userId)
    const { session } = await login(user.email, NEW)
    await set(user.userId)
    expect(identity.facts.sessionRevoked(tenantId, user.userId, session!.sessionId)).toBe(true)
    expect(await reasonOf(set(newId('usr')))).toBe('NOT_FOUND')
  })

  it('refuses the database its write before the decision with the row', async () => {
    const { userId } = await make()
    const call = identity.makeCall(setPassword, { tenantId }, identity.operator)
    const { rpc } = identity.routes.find(({ method }) => method === setPassword)!
    Object.assign(call, { decideWithRow: () => Promise.resolve({ allow: true }) })
    await expect(
      (rpc as (r: unknown, c: unknown) => Promise<unknown>)({ tenantId, userId, currentPassword: '', newPassword: NEW }, call),
    ).rejects.toThrow(/before its decision/)
  })
})
