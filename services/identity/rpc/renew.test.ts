import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { toJson } from '@bufbuild/protobuf'
import type { JsonValue } from '@bufbuild/protobuf'
import { FactSchema, FactService } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Fact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { RoleService } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { catalogViolations } from '../../platform/postgres/catalog.js'
import { systemCall } from '../../platform/postgres/testing.js'
import { selectUser } from '../store/select-user.js'
import type { IdentityFixture } from '../testing.js'
import { identityFixture } from '../testing.js'

const { renew } = FactService.method

let identity: IdentityFixture
let tenantId: string
beforeAll(async () => {
  identity = await identityFixture()
  tenantId = identity.addTenant('acme').tenantId
})
afterAll(() => identity.close())

const caller = { service: 'data' }
const makeUser = async (email: string) =>
  (await identity.call(UserService.method.createUser, { tenantId, email }, identity.operator)).user!.userId
const drain = async (cursor: Uint8Array = new Uint8Array()) => {
  const facts: Fact[] = []
  let reset = false
  for (let at = cursor; ;) {
    const answer = await identity.call(renew, { cursor: at }, caller)
    facts.push(...answer.facts)
    reset ||= answer.reset
    at = answer.cursor
    if (!answer.more) return { facts, cursor: at, reset }
  }
}

describe('renew()', () => {
  it('begins anew without a cursor, and then tells only what changed', async () => {
    const userId = await makeUser('a@example.com')
    const all = await drain()
    expect(all.reset).toBe(true)
    expect(all.facts.some(({ fact }) => fact.case === 'subject' && fact.value.subjectId === userId)).toBe(true)
    expect(all.facts.filter(({ fact }) => fact.case === 'role')).toHaveLength(4)
    const other = await makeUser('b@example.com')
    await identity.call(UserService.method.deleteUser, { tenantId, userId }, identity.operator)
    const changed = await drain(all.cursor)
    expect(changed.reset).toBe(false)
    const subjects = changed.facts.flatMap(({ fact }) => (fact.case === 'subject' ? [[fact.value.subjectId, fact.value.deleted]] : []))
    expect(subjects).toEqual(
      expect.arrayContaining([
        [other, false],
        [userId, true],
      ]),
    )
    expect(subjects.length).toBeLessThan(all.facts.length)
    expect((await drain(changed.cursor)).facts).toEqual([])
  })

  it('says the same of a version as its event does', async () => {
    const subjectId = await makeUser('c@example.com')
    const { role } = await identity.call(
      RoleService.method.createRole,
      { tenantId, name: 'reader', actions: ['data.record.read'] },
      identity.operator,
    )
    await identity.call(RoleService.method.grantRole, { tenantId, roleId: role!.roleId, subjectId }, identity.operator)
    const { facts } = await drain()
    const told = (id: string) =>
      facts.find(({ fact }) => (fact.case === 'subject' ? fact.value.subjectId : fact.case === 'role' && fact.value.roleId) === id)!
    for (const [name, id] of [
      ['users', subjectId],
      ['roles', role!.roleId],
    ] as const) {
      const [event] = await identity.database.query<{ fact: JsonValue }>(
        `select fact from platform.outbox where subject = $1 order by version desc limit 1`,
        [`tenants/${tenantId}/${name}/${id}`],
      )
      expect(toJson(FactSchema, told(id), { alwaysEmitImplicit: true })).toEqual(event!.fact)
    }
  })
})

// threats 3-5, 7
describe('the database of identity', () => {
  it('breaks no rule of isolation', async () => {
    expect(await catalogViolations((text, values) => identity.database.query(text, values))).toEqual([])
  })

  it('shows a tenant nothing of another, whatever the statement asks for', async () => {
    const userId = await makeUser('d@example.com')
    const other = identity.addTenant('other').tenantId
    const read = (as: string) => identity.database.db.run(systemCall({ tenant: as }), selectUser(tenantId, userId))
    expect((await read(tenantId))[0]).toHaveLength(1)
    expect((await read(other))[0]).toHaveLength(0)
    // The row is there: without its policies the same statement would find it.
    await identity.database.query('alter table pool.users disable row level security')
    expect((await read(other))[0]).toHaveLength(1)
    await identity.database.query('alter table pool.users enable row level security')
  })
})
