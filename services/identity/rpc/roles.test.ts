import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { RoleService } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { TenancyService } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId, PLATFORM_TENANT } from '../../platform/ids.js'
import type { AppError } from '../../platform/mesh/errors.js'
import type { Caller, IdentityFixture } from '../testing.js'
import { identityFixture, reasonOf } from '../testing.js'

const { createRole, getRole, listRoles, updateRole, deleteRole, grantRole, revokeRole, listGrants, listPermissions } = RoleService.method
const { prepareTenant } = TenancyService.method
const LEASE_MS = 120

let identity: IdentityFixture
let tenantId: string
let admin: Caller
let builtIn: Record<string, string>
beforeAll(async () => {
  identity = await identityFixture({ leaseMs: LEASE_MS })
  tenantId = await prepared('acme')
  const { roles } = await identity.call(listRoles, { tenantId }, identity.operator)
  builtIn = Object.fromEntries(roles.map(({ name, roleId }) => [name, roleId]))
  const userId = await makeUser()
  await identity.call(grantRole, { tenantId, roleId: builtIn['admin'], subjectId: userId }, identity.operator)
  admin = { subject: { id: userId, tenant: tenantId } }
})
afterAll(() => identity.close())

const prepared = async (slug: string) => {
  const tenant = identity.addTenant(slug).tenantId
  const request = { tenantId: tenant, operationId: newId('op'), placement: 'pool', tier: 'standard', region: 'local' }
  await identity.call(prepareTenant, request, { service: 'tenant' })
  return tenant
}
let count = 0
const makeUser = async (tenant = tenantId) =>
  (await identity.call(UserService.method.createUser, { tenantId: tenant, email: `r${++count}@example.com` }, identity.operator)).user!
    .userId
const makeRole = async (actions: string[], caller = admin, name = `role-${++count}`) =>
  (await identity.call(createRole, { tenantId, name, description: 'd', actions }, caller)).role!
/** A user of the tenant who holds those actions by a role of its own. */
const holder = async (actions: string[], collectionId = ''): Promise<Caller> => {
  const role = await makeRole(actions)
  const subjectId = await makeUser()
  await identity.call(grantRole, { tenantId, roleId: role.roleId, subjectId, collectionId }, admin)
  return { subject: { id: subjectId, tenant: tenantId } }
}
const took = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return performance.now() - started
}
const SETTLED = LEASE_MS + 50

describe('prepareTenant()', () => {
  it('makes the built-in roles once, however often and at whatever moments it is asked', async () => {
    const tenant = identity.addTenant('prepared').tenantId
    const request = { tenantId: tenant, operationId: newId('op'), placement: 'pool', tier: 'standard', region: 'local' }
    const ask = () => identity.call(prepareTenant, request, { service: 'tenant' })
    const reasons = await Promise.all([ask(), ask(), ask()].map((asked) => asked.catch((error: AppError) => error.reason)))
    // Who comes second at the same moment is told to try again.
    expect(reasons.filter((reason) => typeof reason === 'string').every((reason) => reason === 'CONFLICT')).toBe(true)
    await ask()
    const { roles } = await identity.call(listRoles, { tenantId: tenant }, identity.operator)
    expect(roles.map(({ name }) => name).sort()).toEqual(['admin', 'auditor', 'editor', 'viewer'])
    expect(roles.every((role) => role.builtIn)).toBe(true)
    const events = await identity.database.query(`select from platform.outbox where tenant_id = $1`, [tenant])
    expect(events).toHaveLength(4)
  })
})

describe('createRole()', () => {
  it('adds a role, known to the facts', async () => {
    const role = await makeRole(['data.record.read', 'data.collection.*'])
    expect(role).toMatchObject({ tenantId, actions: ['data.record.read', 'data.collection.*'], builtIn: false, etag: '1' })
    expect(identity.facts.role(tenantId, role.roleId)).toMatchObject({ version: 1n, actions: role.actions, deleted: false })
    expect((await identity.call(getRole, { tenantId, roleId: role.roleId }, admin)).role).toEqual(role)
  })

  it('refuses actions that are no permissions', async () => {
    for (const action of [
      'data.record.reed',
      'data.nothing.*',
      'nosuch',
      'platform.facts.renew',
      'constructor',
      'data',
      'identity.jwks.read',
    ])
      expect(await reasonOf(makeRole(['data.record.read', action]))).toBe('INVALID_FIELD')
  })

  it('refuses a name that is taken, a built-in one too, but not one of another tenant', async () => {
    await makeRole(['data.record.read'], admin, 'taken')
    expect(await reasonOf(makeRole(['data.record.read'], admin, 'taken'))).toBe('ALREADY_EXISTS')
    expect(await reasonOf(makeRole(['data.record.read'], admin, 'viewer'))).toBe('ALREADY_EXISTS')
    const other = await prepared('other-names')
    await identity.call(createRole, { tenantId: other, name: 'taken', actions: ['data.record.read'] }, identity.operator)
  })

  it('gives nothing that its maker does not hold', async () => {
    const caller = await holder(['identity.role.*', 'data.record.read', 'data.collection.*'])
    for (const actions of [['*'], ['data.*'], ['data.record.*'], ['data.record.read', 'data.record.update'], ['identity.user.delete']])
      expect(await reasonOf(makeRole(actions, caller))).toBe('MISSING_PERMISSION')
    await makeRole(['data.record.read', 'data.collection.*', 'data.collection.read', 'identity.role.grant', 'data.record.read_own'], caller)
  })

  it('counts what is held in one collection for nothing in the whole tenant', async () => {
    const caller = await holder(['data.record.update'], newId('col'))
    expect(await reasonOf(makeRole(['data.record.update'], caller))).toBe('MISSING_PERMISSION')
  })

  it('answers a repetition as the first time', async () => {
    const request = { tenantId, name: 'repeated', description: 'x', actions: ['data.record.read'], requestId: randomUUID() }
    const first = await identity.call(createRole, request, admin)
    expect(await identity.call(createRole, request, admin)).toEqual(first)
    expect(await reasonOf(identity.call(createRole, { ...request, description: 'y' }, admin))).toBe('REQUEST_ID_REUSED')
  })
})

describe('updateRole()', () => {
  const update = (roleId: string, request: object, caller = admin) =>
    identity.call(updateRole, { tenantId, roleId, ...request } as never, caller)

  it('answers at once where it gives more, and a lease later where it gives less', async () => {
    const { roleId } = await makeRole(['data.record.read'])
    const to = (actions: string[]) => () => update(roleId, { actions, updateMask: { paths: ['actions'] } })
    expect(await took(to(['data.record.*']))).toBeLessThan(SETTLED)
    expect(await took(to(['data.record.read', 'data.record.update']))).toBeGreaterThanOrEqual(SETTLED)
    expect(identity.facts.role(tenantId, roleId)).toMatchObject({ version: 3n, actions: ['data.record.read', 'data.record.update'] })
  })

  it('refuses what its caller does not hold, built-in roles, stale etags, unknown fields and foreign roles', async () => {
    const { roleId } = await makeRole(['data.record.read'])
    const caller = await holder(['identity.role.*', 'data.record.read'])
    expect(await reasonOf(update(roleId, { actions: ['*'], updateMask: { paths: ['actions'] } }, caller))).toBe('MISSING_PERMISSION')
    const describe = { description: 'x', updateMask: { paths: ['description'] } }
    expect(await reasonOf(update(builtIn['admin']!, describe))).toBe('IMMUTABLE')
    expect(await reasonOf(update(roleId, { ...describe, etag: '9' }))).toBe('ETAG_MISMATCH')
    expect(await reasonOf(update(newId('rol'), { ...describe, etag: '9' }))).toBe('NOT_FOUND')
    expect(await reasonOf(update(roleId, { actions: [], updateMask: { paths: ['actions'] } }))).toBe('INVALID_FIELD')
    for (const paths of [[], ['name'], ['built_in'], ['actions', 'tenant_id']])
      expect(await reasonOf(update(roleId, { actions: ['data.record.read'], updateMask: { paths } }))).toBe('INVALID_FIELD')
    const foreign = (await identity.call(listRoles, { tenantId: PLATFORM_TENANT }, identity.operator)).roles[0]!
    expect(await reasonOf(update(foreign.roleId, describe))).toBe('NOT_FOUND')
    expect(identity.facts.role(tenantId, roleId)!.version).toBe(1n)
  })
})

describe('deleteRole()', () => {
  it('leaves a tombstone, and frees the name', async () => {
    const { roleId } = await makeRole(['data.record.read'], admin, 'short-lived')
    await identity.call(deleteRole, { tenantId, roleId }, admin)
    expect(identity.facts.role(tenantId, roleId)).toMatchObject({ version: 2n, actions: [], deleted: true })
    expect(await reasonOf(identity.call(getRole, { tenantId, roleId }, admin))).toBe('NOT_FOUND')
    expect(await reasonOf(identity.call(deleteRole, { tenantId, roleId }, admin))).toBe('NOT_FOUND')
    await makeRole(['data.record.read'], admin, 'short-lived')
  })

  it('refuses a role that is granted, and built-in ones', async () => {
    const { roleId } = await makeRole(['data.record.read'])
    await identity.call(grantRole, { tenantId, roleId, subjectId: await makeUser() }, admin)
    expect(await reasonOf(identity.call(deleteRole, { tenantId, roleId }, admin))).toBe('IN_USE')
    expect(await reasonOf(identity.call(deleteRole, { tenantId, roleId: builtIn['viewer']! }, admin))).toBe('IMMUTABLE')
  })

  it('never leaves a grant of a role that is gone, whoever comes first', async () => {
    for (let i = 0; i < 5; i++) {
      const { roleId } = await makeRole(['data.record.read'])
      const subjectId = await makeUser()
      const [granted, deleted] = await Promise.allSettled([
        identity.call(grantRole, { tenantId, roleId, subjectId }, admin),
        identity.call(deleteRole, { tenantId, roleId }, admin),
      ])
      expect([granted, deleted].filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    }
  })
})

describe('grantRole() and revokeRole()', () => {
  it('changes the whole fact of the subject: at once when given, a lease later when taken', async () => {
    const { roleId } = await makeRole(['data.record.read'])
    const subjectId = await makeUser()
    const collectionId = newId('col')
    await identity.call(grantRole, { tenantId, roleId, subjectId }, admin)
    const { grant } = await identity.call(grantRole, { tenantId, roleId, subjectId, collectionId }, admin)
    expect(grant).toMatchObject({ roleId, subjectId, collectionId })
    const grants = () => identity.facts.subject(tenantId, subjectId)!.grants.map((held) => held.collectionId)
    expect(grants()).toEqual(['', collectionId])
    expect(await took(() => identity.call(revokeRole, { tenantId, roleId, subjectId }, admin))).toBeGreaterThanOrEqual(SETTLED)
    expect(grants()).toEqual([collectionId])
    expect(await reasonOf(identity.call(revokeRole, { tenantId, roleId, subjectId }, admin))).toBe('NOT_FOUND')
    expect(await reasonOf(identity.call(grantRole, { tenantId, roleId, subjectId, collectionId }, admin))).toBe('ALREADY_EXISTS')
  })

  // decisions: the row is locked in a statement of its own, so that no fact misses a grant and versions are dense.
  it('tells of every grant in the last event, however many are made at once', async () => {
    const subjectId = await makeUser()
    const roles = await Promise.all(Array.from({ length: 8 }, () => makeRole(['data.record.read'])))
    await Promise.all(roles.map(({ roleId }) => identity.call(grantRole, { tenantId, roleId, subjectId }, admin)))
    const events = await identity.database.query<{ version: bigint; fact: { subject: { grants: unknown[] } } }>(
      `select version, fact from platform.outbox where subject = $1 order by version`,
      [`tenants/${tenantId}/users/${subjectId}`],
    )
    expect(events.map(({ version }) => Number(version))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(events.map(({ fact }) => fact.subject.grants.length)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('grants nothing that the granter does not hold, in that scope', async () => {
    const collectionId = newId('col')
    const caller = await holder(['identity.role.*', 'data.record.read'], collectionId)
    const { roleId } = await makeRole(['data.record.read'])
    const subjectId = await makeUser()
    const grant = (role: string, collection: string) =>
      reasonOf(identity.call(grantRole, { tenantId, roleId: role, subjectId, collectionId: collection }, caller))
    expect(await grant(builtIn['admin']!, '')).toBe('MISSING_PERMISSION')
    expect(await grant(roleId, '')).toBe('MISSING_PERMISSION')
    expect(await grant(roleId, newId('col'))).toBe('MISSING_PERMISSION')
    await identity.call(grantRole, { tenantId, roleId, subjectId, collectionId }, caller)
    expect(identity.facts.subject(tenantId, subjectId)!.grants).toHaveLength(1)
  })

  it('finds neither a role nor a subject of another tenant', async () => {
    const other = await prepared('elsewhere')
    const foreignUser = await makeUser(other)
    const { roleId } = await makeRole(['data.record.read'])
    const platformRole = (await identity.call(listRoles, { tenantId: PLATFORM_TENANT }, identity.operator)).roles[0]!.roleId
    expect(await reasonOf(identity.call(grantRole, { tenantId, roleId, subjectId: foreignUser }, admin))).toBe('NOT_FOUND')
    expect(await reasonOf(identity.call(grantRole, { tenantId, roleId: platformRole, subjectId: await makeUser() }, admin))).toBe(
      'NOT_FOUND',
    )
  })

  it('lets nobody stop being an administrator by oneself', async () => {
    const subjectId = admin.subject!.id
    expect(await reasonOf(identity.call(revokeRole, { tenantId, roleId: builtIn['admin'], subjectId }, admin))).toBe('IMMUTABLE')
    await identity.call(revokeRole, { tenantId, roleId: builtIn['admin'], subjectId }, identity.operator)
    await identity.call(grantRole, { tenantId, roleId: builtIn['admin'], subjectId }, identity.operator)
  })

  it('answers repetitions as the first time', async () => {
    const { roleId } = await makeRole(['data.record.read'])
    const subjectId = await makeUser()
    const request = { tenantId, roleId, subjectId, requestId: randomUUID() }
    const first = await identity.call(grantRole, request, admin)
    expect(await identity.call(grantRole, request, admin)).toEqual(first)
    const revoke = { ...request, requestId: randomUUID() }
    await identity.call(revokeRole, revoke, admin)
    await identity.call(revokeRole, revoke, admin)
    expect(identity.facts.subject(tenantId, subjectId)!.version).toBe(3n)
  })
})

describe('setPassword() of another', () => {
  it('is refused where the other holds more: it would be a way to become them', async () => {
    const caller = await holder(['identity.user.*', 'data.record.read'])
    const lesser = await holder(['data.record.read'])
    const set = (userId: string) =>
      identity.call(UserService.method.setPassword, { tenantId, userId, newPassword: 'another long password' }, caller)
    await set(lesser.subject!.id)
    expect(await reasonOf(set(admin.subject!.id))).toBe('MISSING_PERMISSION')
    expect(await reasonOf(set((await holder(['data.record.update'], newId('col'))).subject!.id))).toBe('MISSING_PERMISSION')
  })
})

describe('lists', () => {
  it('page through roles, built-in ones first', async () => {
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await identity.call(listRoles, { tenantId, pageSize: 3, pageToken }, admin)
      seen.push(...page.roles.map((role) => `${role.builtIn ? 0 : 1}${role.roleId}`))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(seen.length).toBeGreaterThan(5)
    expect(seen).toEqual([...new Set(seen)].sort())
  })

  it('page through grants, of all or of one subject', async () => {
    const all: string[] = []
    let pageToken = ''
    do {
      const page = await identity.call(listGrants, { tenantId, pageSize: 4, pageToken }, admin)
      all.push(...page.grants.map(({ subjectId, roleId, collectionId }) => `${subjectId}${roleId}${collectionId}`))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    const stored = await identity.database.query(`select from pool.grants where tenant_id = $1`, [tenantId])
    expect(all).toHaveLength(stored.length)
    expect(all).toEqual([...new Set(all)].sort())
    const { grants } = await identity.call(listGrants, { tenantId, subjectId: admin.subject!.id }, admin)
    expect(grants).toMatchObject([{ roleId: builtIn['admin'], subjectId: admin.subject!.id, collectionId: '' }])
  })

  it('refuse page tokens of another list', async () => {
    const { nextPageToken } = await identity.call(listRoles, { tenantId, pageSize: 1 }, admin)
    expect(await reasonOf(identity.call(listGrants, { tenantId, pageToken: nextPageToken }, admin))).toBe('INVALID_PAGE_TOKEN')
  })

  it('tell every permission with its methods', async () => {
    const { permissions } = await identity.call(listPermissions, { tenantId }, admin)
    expect(permissions).toContainEqual(
      expect.objectContaining({ action: 'data.record.read', methods: ['tenantry.data.v1.RecordService/GetRecord'] }),
    )
    expect(permissions.map(({ action }) => action)).toEqual(permissions.map(({ action }) => action).sort())
    expect(permissions.map(({ action }) => action)).not.toContain('platform.facts.renew')
  })
})
