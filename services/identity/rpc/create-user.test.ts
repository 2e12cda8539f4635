import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService, UserStatus } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../../platform/ids.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture, reasonOf } from '../testing.js'

const { createUser, getUser, listUsers, deleteUser } = UserService.method
const PASSWORD = 'a long enough password'

let identity: IdentityFixture
let tenantId: string
beforeAll(async () => {
  identity = await identityFixture()
  tenantId = identity.addTenant('acme').tenantId
})
afterAll(() => identity.close())

const make = async (request: { email: string; displayName?: string; password?: string; requestId?: string }, tenant = tenantId) =>
  (await identity.call(createUser, { tenantId: tenant, ...request }, identity.operator)).user!

describe('createUser()', () => {
  it('adds an active user with a key pair, known to the facts', async () => {
    const user = await make({ email: 'Ada@Example.com', displayName: 'Ada' })
    expect(user).toMatchObject({ tenantId, email: 'Ada@Example.com', displayName: 'Ada', status: UserStatus.ACTIVE, etag: '1' })
    const fact = identity.facts.subject(tenantId, user.userId)!
    const key = identity.keyStore.made.get(`${tenantId}/${user.userId}`)!
    expect(fact).toMatchObject({ version: 1n, kind: 'user', status: 'active', grants: [], publicKeyId: key.keyId, deleted: false })
    expect(Buffer.from(fact.publicKey)).toEqual(Buffer.from(key.publicKey))
    expect((await identity.call(getUser, { tenantId, userId: user.userId }, identity.operator)).user).toEqual(user)
  })

  it('refuses an address that another user of the tenant has, in any case and Unicode form', async () => {
    await make({ email: 'zoë@example.com'.normalize('NFC') })
    expect(await reasonOf(make({ email: 'ZOË@example.com'.normalize('NFD') }))).toBe('ALREADY_EXISTS')
    await make({ email: 'zoë@example.com' }, identity.addTenant('second').tenantId)
  })

  it('tells of it with nothing personal in clear', async () => {
    const user = await make({ email: 'canary-mail@example.com', displayName: 'Canary Name' })
    const rows = await identity.database.query<{ text: string; personal: string | null }>(
      `select to_jsonb(o)::text as text, array_to_string(sealed, '') as personal from platform.outbox o where subject = $1`,
      [`tenants/${tenantId}/users/${user.userId}`],
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]!.text).not.toMatch(/canary/i)
    expect(rows[0]!.text).not.toContain(Buffer.from('canary').toString('hex'))
    expect(rows[0]!.personal!.length).toBeGreaterThan(100)
  })

  it('answers a repeated request as the first time, and makes no second user', async () => {
    const requestId = randomUUID()
    const request = { email: 'once@example.com', displayName: 'Once', password: PASSWORD, requestId }
    const first = await make(request)
    await identity.call(UserService.method.suspendUser, { tenantId, userId: first.userId }, identity.operator)
    expect(await make(request)).toEqual(first)
    expect(await reasonOf(make({ ...request, displayName: 'Twice' }))).toBe('REQUEST_ID_REUSED')
    const [kept] = await identity.database.query<{ text: string }>(
      `select to_jsonb(r)::text as text from platform.request r where request_id = $1`,
      [requestId],
    )
    expect(kept!.text).not.toContain(Buffer.from('once@example.com').toString('hex'))
  })

  it('makes no user when many ask with one request_id at once, but one', async () => {
    const request = { email: 'race@example.com', requestId: randomUUID() }
    const users = await Promise.all(Array.from({ length: 6 }, () => make(request)))
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1)
    expect(users).toEqual(users.map(() => users[0]))
  })

  it('writes nothing when keys cannot be had', async () => {
    const { createUserKeys } = identity.keyStore
    identity.keyStore.createUserKeys = () => Promise.reject(new Error('the key store is away'))
    await expect(make({ email: 'keyless@example.com' })).rejects.toThrow('away')
    identity.keyStore.createUserKeys = createUserKeys
    expect(await identity.database.query(`select from pool.users where email = 'keyless@example.com'`)).toEqual([])
  })
})

describe('getUser()', () => {
  it('does not find a user of another tenant, a deleted one, or none, and says the same of each', async () => {
    const other = identity.addTenant('other').tenantId
    const foreign = await make({ email: 'f@example.com' }, other)
    const deleted = await make({ email: 'd@example.com' })
    await identity.call(deleteUser, { tenantId, userId: deleted.userId }, identity.operator)
    const answers = await Promise.all(
      [foreign.userId, deleted.userId, newId('usr')].map((userId) =>
        identity.call(getUser, { tenantId, userId }, identity.operator).catch((error: Error) => error.message),
      ),
    )
    expect(answers).toEqual(['user not found', 'user not found', 'user not found'])
  })
})

describe('listUsers()', () => {
  it("pages through the tenant's users, oldest first, and no others", async () => {
    const tenant = identity.addTenant('listed').tenantId
    const made = []
    for (let i = 0; i < 5; i++) made.push((await make({ email: `u${i}@example.com` }, tenant)).userId)
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await identity.call(listUsers, { tenantId: tenant, pageSize: 2, pageToken }, identity.operator)
      seen.push(...page.users.map(({ userId }) => userId))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(seen).toEqual(made)
  })

  it('filters by status and by address in its normal form', async () => {
    const tenant = identity.addTenant('filtered').tenantId
    const one = await make({ email: 'One@Example.com' }, tenant)
    const two = await make({ email: 'two@example.com' }, tenant)
    await identity.call(UserService.method.suspendUser, { tenantId: tenant, userId: two.userId }, identity.operator)
    const list = async (filter: string) =>
      (await identity.call(listUsers, { tenantId: tenant, filter }, identity.operator)).users.map(({ userId }) => userId)
    expect(await list('email = "oNe@example.com"')).toEqual([one.userId])
    expect(await list('status = suspended')).toEqual([two.userId])
    expect(await list('status = active OR email:"two"')).toEqual([one.userId, two.userId])
    for (const filter of ['tenant_id = "x"', 'secret:"a"', 'status = deleted', 'email = "\' or true --', '1=1; drop table users'])
      expect(await reasonOf(list(filter))).toBe('INVALID_FILTER')
    expect(await list(`email = "' or true --"`)).toEqual([])
  })
})

describe('a user without a password', () => {
  it('cannot log in, with an empty password or any', async () => {
    await make({ email: 'nopass@example.com' })
    for (const password of ['', ' ', 'null'])
      expect(
        await reasonOf(identity.call(SessionService.method.createSession, { slug: 'acme', email: 'nopass@example.com', password })),
      ).toBe('CREDENTIALS_REJECTED')
  })
})
