import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { AuditService, ListEventsRequestSchema, View } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService, GetCollectionRequestSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import {
  CreateRecordRequestSchema,
  GetRecordRequestSchema,
  ListRecordsRequestSchema,
  RecordService,
} from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { FactService, RenewRequestSchema } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { GetJwksRequestSchema, SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { GetTenantRequestSchema, ListTenantsRequestSchema, TenantService } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { PLATFORM_TENANT } from '../ids.js'
import { meshMethod } from '../mesh/method.js'
import { createAuthorizer } from './authorizer.js'
import type { AuthorizerOptions, PolicyAuthorizer } from './authorizer.js'
import { openDecisionPoint } from './open-decision-point.js'
import type { OpenDecisionPoint } from './open-decision-point.js'
import * as world from './testing.js'

const { ACME, GLOBEX, ABSENT, ALICE, BOB, COLLECTION, EDITOR } = world
const createRecord = meshMethod(RecordService.method.createRecord)
const getRecord = meshMethod(RecordService.method.getRecord)
const listRecords = meshMethod(RecordService.method.listRecords)
const getCollection = meshMethod(CollectionService.method.getCollection)
const getTenant = meshMethod(TenantService.method.getTenant)
const newRecord = (tenantId: string) => create(CreateRecordRequestSchema, { tenantId, collectionId: COLLECTION, fields: {} })
const oneRecord = (tenantId: string, recordId = 'r1') => create(GetRecordRequestSchema, { tenantId, collectionId: COLLECTION, recordId })
const oneCollection = (collectionId = COLLECTION) => create(GetCollectionRequestSchema, { tenantId: ACME, collectionId })

let decisionPoint: OpenDecisionPoint
let facts: world.TestFacts
let authorizer: PolicyAuthorizer

const fresh = async (options: Partial<AuthorizerOptions> = {}, given?: world.TestFacts) => {
  facts?.close()
  facts = given ?? (await world.testFacts())
  return createAuthorizer({ service: 'data', region: 'local', decisionPoint, facts, ...options })
}

beforeAll(async () => {
  decisionPoint = await openDecisionPoint({ directory: 'policies/bundle' })
})
beforeEach(async () => {
  authorizer = await fresh()
})
afterAll(() => {
  facts.close()
  decisionPoint.close()
})

const alice = () => world.testCall({ subject: world.subject(ACME, ALICE) })
const bob = () => world.testCall({ subject: world.subject(ACME, BOB) })
const operator = () => world.testCall({ subject: world.subject(PLATFORM_TENANT, world.OPERATOR) })

describe('createAuthorizer()', () => {
  it('allows what a held role gives, and records what the decision was made from', async () => {
    const decision = await authorizer.decide(createRecord, newRecord(ACME), bob())
    expect(decision).toMatchObject({ allow: true, reason: '', cached: false, revision: decisionPoint.revision })
    expect(decision.facts).toMatchObject({
      decided: true,
      tenantVersion: 1n,
      subjectVersion: 1n,
      roles: [EDITOR],
      roleVersions: [1n],
      subjectStatus: 'active',
      tenantStatus: 'active',
      attributes: { collection_id: COLLECTION },
    })
  })

  it('answers an absent tenant as one that is another’s, in the record too', async () => {
    const foreign = await authorizer.decide(createRecord, newRecord(GLOBEX), bob())
    const absent = await authorizer.decide(createRecord, newRecord(ABSENT), bob())
    expect(foreign).toMatchObject({ allow: false, reason: 'TENANT_MISMATCH' })
    expect(absent).toEqual(foreign)
  })

  it('tells an operator of any tenant, but only where the method admits one', async () => {
    expect(await authorizer.decide(getTenant, create(GetTenantRequestSchema, { tenantId: ACME }), operator())).toMatchObject({
      allow: true,
    })
    expect(await authorizer.decide(createRecord, newRecord(ACME), operator())).toMatchObject({ allow: false, reason: 'TENANT_MISMATCH' })
    const list = meshMethod(TenantService.method.listTenants)
    expect(await authorizer.decide(list, create(ListTenantsRequestSchema), operator())).toMatchObject({ allow: true })
    expect(await authorizer.decide(list, create(ListTenantsRequestSchema), alice())).toMatchObject({ reason: 'CALLER_NOT_ALLOWED' })
    const gone = await authorizer.decide(getTenant, create(GetTenantRequestSchema, { tenantId: ABSENT }), operator())
    expect(gone).toMatchObject({ allow: false, reason: 'TENANT_UNKNOWN' })
  })

  it('denies a session that was revoked, a subject and a tenant that were suspended', async () => {
    facts.commit(world.subjectFact(ACME, BOB, { version: 2n, grants: [{ roleId: EDITOR }], revoked: [bob().subject!.session] }))
    await facts.refresh(bob().deadline)
    expect(await authorizer.decide(createRecord, newRecord(ACME), bob())).toMatchObject({ reason: 'SESSION_REVOKED' })
    facts.commit(world.subjectFact(ACME, ALICE, { version: 2n, status: 'suspended' }))
    await facts.refresh(bob().deadline)
    expect(await authorizer.decide(createRecord, newRecord(ACME), alice())).toMatchObject({ reason: 'SUBJECT_SUSPENDED' })
    authorizer = await fresh()
    facts.commit(world.tenantFact(ACME, 2n, 'suspended'))
    await facts.refresh(bob().deadline)
    expect(await authorizer.decide(createRecord, newRecord(ACME), bob())).toMatchObject({ reason: 'TENANT_SUSPENDED' })
  })

  it('looks at the newest facts before it denies: a grant is in force at once', async () => {
    facts.commit(world.roleFact(ACME, EDITOR, ['data.record.*', 'tenant.tenant.update'], 2n))
    const update = meshMethod(TenantService.method.updateTenant)
    const decision = await authorizer.decide(update, create(update.desc.input, { tenantId: ACME } as never), bob())
    expect(decision).toMatchObject({ allow: true, facts: { roleVersions: [2n] } })
  })

  it('looks once for a call, however often it asks', async () => {
    const call = bob()
    const before = facts.renewals()
    for (let i = 0; i < 20; i++)
      await authorizer.decideWithRow(getRecord, oneRecord(ACME), call, { owner: ALICE, classification: 'restricted' })
    expect(facts.renewals()).toBe(before + 1)
  })

  it('does not look for a foreign tenant: it is answered as fast as an absent one', async () => {
    const before = facts.renewals()
    await authorizer.decide(createRecord, newRecord(GLOBEX), bob())
    await authorizer.decide(createRecord, newRecord(ABSENT), bob())
    expect(facts.renewals()).toBe(before)
  })

  it('gives a collection’s grant in that collection only', async () => {
    facts.commit(world.subjectFact(ACME, BOB, { version: 2n, grants: [{ roleId: EDITOR, collectionId: COLLECTION }] }))
    await facts.refresh(bob().deadline)
    const within = await authorizer.decide(getCollection, oneCollection(), bob())
    expect(within).toMatchObject({ allow: true, facts: { roles: [EDITOR] } })
    const other = await authorizer.decide(getCollection, oneCollection('col_01k0dddddddddddddddddddddd'), bob())
    expect(other).toMatchObject({ allow: false, reason: 'MISSING_PERMISSION', facts: { roles: [] } })
    const tenantWide = await authorizer.decide(getTenant, create(GetTenantRequestSchema, { tenantId: ACME }), bob())
    expect(tenantWide).toMatchObject({ allow: false, reason: 'MISSING_PERMISSION' })
  })

  it('decides again with the row, and never from the cache', async () => {
    await authorizer.decide(getRecord, oneRecord(ACME), bob())
    const first = await authorizer.decide(getRecord, oneRecord(ACME), bob())
    expect(first.cached).toBe(true)
    const row = { owner: ALICE, classification: 'confidential' }
    const second = await authorizer.decideWithRow(getRecord, oneRecord(ACME), bob(), row)
    expect(second).toMatchObject({ allow: false, reason: 'CLASSIFICATION_TOO_HIGH', cached: false, facts: row })
    const internal = await authorizer.decideWithRow(getRecord, oneRecord(ACME), bob(), { ...row, classification: 'internal' })
    expect(internal).toMatchObject({ allow: true, cached: false })
  })

  it('limits lists by obligations, and by none for who holds everything', async () => {
    const request = create(ListRecordsRequestSchema, { tenantId: ACME, collectionId: COLLECTION })
    expect((await authorizer.decide(listRecords, request, bob())).obligations).toMatchObject({ maxClassification: 'internal' })
    expect((await authorizer.decide(listRecords, request, alice())).obligations).toBeUndefined()
    facts.commit(world.roleFact(ACME, EDITOR, ['data.record.list_own'], 2n))
    await facts.refresh(bob().deadline)
    expect((await authorizer.decide(listRecords, request, bob())).obligations).toMatchObject({ rowFilter: { owner: BOB } })
  })

  it('reads an enum attribute by name: the full view needs more', async () => {
    facts.commit(world.roleFact(ACME, EDITOR, ['audit.event.list'], 2n))
    await facts.refresh(bob().deadline)
    const list = meshMethod(AuditService.method.listEvents)
    const ask = (view: View) => authorizer.decide(list, create(ListEventsRequestSchema, { tenantId: ACME, view }), bob())
    expect(await ask(View.BASIC)).toMatchObject({ allow: true, facts: { attributes: { view: 'basic' } } })
    expect(await ask(View.FULL)).toMatchObject({ allow: false, reason: 'MISSING_PERMISSION', facts: { attributes: { view: 'full' } } })
  })

  it('ignores a token where nobody’s counts, and needs no facts without one', async () => {
    authorizer = await fresh({}, await world.testFacts([]))
    facts.reachable(false)
    const jwks = meshMethod(SessionService.method.getJwks)
    expect(await authorizer.decide(jwks, create(GetJwksRequestSchema), bob())).toMatchObject({ allow: true, facts: { subjectStatus: '' } })
    const renew = meshMethod(FactService.method.renew)
    const as = (service: 'data' | 'gateway') => world.testCall({ workload: world.workload(service) })
    expect(await authorizer.decide(renew, create(RenewRequestSchema), as('data'))).toMatchObject({ allow: true })
    const machine = {
      ...world.workload(),
      service: undefined,
      tenant: ACME,
      spiffeId: 'spiffe://tenantry.local/region/local/tenant/x/sa/y',
    }
    const denied = await authorizer.decide(renew, create(RenewRequestSchema), world.testCall({ workload: machine }))
    expect(denied).toMatchObject({ allow: false, reason: 'WORKLOAD_NOT_ALLOWED' })
  })

  it('lets a machine carry tokens of its own tenant only', async () => {
    const machine = (tenant: string) => ({
      ...world.workload(),
      service: undefined,
      tenant,
      spiffeId: `spiffe://tenantry.local/region/local/tenant/${tenant}`,
    })
    const ask = (tenant: string) =>
      authorizer.decide(createRecord, newRecord(ACME), world.testCall({ workload: machine(tenant), subject: world.subject(ACME, BOB) }))
    expect(await ask(ACME)).toMatchObject({ allow: true })
    expect(await ask(GLOBEX)).toMatchObject({ allow: false, reason: 'WORKLOAD_TENANT_MISMATCH' })
  })

  it('denies a missing token as such', async () => {
    expect(await authorizer.decide(createRecord, newRecord(ACME), world.testCall())).toMatchObject({
      allow: false,
      reason: 'TOKEN_MISSING',
    })
  })

  it('refuses with FACTS_STALE when the lease has lapsed and the owner is gone', async () => {
    let time = 0
    authorizer = await fresh({}, await world.testFacts(world.WORLD, { leaseMs: 750, now: () => time }))
    facts.reachable(false)
    expect(await authorizer.decide(createRecord, newRecord(ACME), bob())).toMatchObject({ allow: true })
    time = 751
    await expect(authorizer.decide(createRecord, newRecord(ACME), bob())).rejects.toMatchObject({ reason: 'FACTS_STALE' })
  })

  it('refuses with POLICY_UNAVAILABLE when there is no policy', async () => {
    const none = await openDecisionPoint({ directory: 'policies/nowhere' })
    authorizer = await fresh({ decisionPoint: none })
    expect(() => authorizer.decide(createRecord, newRecord(ACME), bob())).toThrow(expect.objectContaining({ reason: 'POLICY_UNAVAILABLE' }))
  })

  it('decides health and reflection on the workload alone', () => {
    expect(authorizer.decideAction('platform.reflection.read', world.workload('data'))).toMatchObject({ allow: true })
    const nobody = { spiffeId: 'spiffe://tenantry.local/x', region: '', thumbprint: '' }
    expect(authorizer.decideAction('platform.reflection.read', nobody)).toMatchObject({ allow: false, reason: 'WORKLOAD_NOT_ALLOWED' })
    expect(authorizer.decideAction('platform.anything.else', world.workload('data'))).toMatchObject({ allow: false })
  })
})

describe('the decision cache', () => {
  const ask = async (call = bob(), request = oneCollection()) => authorizer.decide(getCollection, request, call)

  it('answers the same call again, and not another token, workload, address, tenant or resource', async () => {
    const first = await ask()
    expect(first.cached).toBe(false)
    expect(await ask()).toMatchObject({ allow: true, cached: true, facts: { cached: true, roles: first.facts.roles } })
    const others = [
      ask(world.testCall({ subject: world.subject(ACME, BOB, { token: 'another' }) })),
      ask(world.testCall({ subject: world.subject(ACME, BOB, { binding: 'matched' }) })),
      ask(world.testCall({ subject: world.subject(ACME, BOB), workload: world.workload('policy') })),
      ask(world.testCall({ subject: world.subject(ACME, BOB), clientAddress: '192.0.2.2' })),
      ask(bob(), oneCollection('col_01k0dddddddddddddddddddddd')),
    ]
    expect((await Promise.all(others)).map((decision) => decision.cached)).toEqual(others.map(() => false))
  })

  it.each([
    ['the subject', world.subjectFact(ACME, BOB, { version: 2n, grants: [{ roleId: EDITOR }] })],
    ['a role held', world.roleFact(ACME, EDITOR, ['data.*'], 2n)],
    ['the tenant', world.tenantFact(ACME, 2n)],
  ])('asks anew when %s has changed', async (_, changed) => {
    await ask()
    facts.commit(changed)
    await facts.refresh(bob().deadline)
    expect((await ask()).cached).toBe(false)
  })

  it('does not answer what a revocation took away (threats 26)', async () => {
    expect(await ask()).toMatchObject({ allow: true })
    facts.commit(world.subjectFact(ACME, BOB, { version: 2n }))
    await facts.refresh(bob().deadline)
    expect(await ask()).toMatchObject({ allow: false, reason: 'MISSING_PERMISSION' })
  })

  it('keeps an answer for 5 s, and not beyond the token', async () => {
    let time = 0
    authorizer = await fresh({ now: () => time, clock: () => 1_000_000 + time })
    const call = (expires: number) => world.testCall({ subject: world.subject(ACME, BOB, { expires, token: `until ${expires}` }) })
    await ask(call(2000))
    await ask(call(1002))
    time = 1999
    expect((await ask(call(2000))).cached).toBe(true)
    expect((await ask(call(1002))).cached).toBe(true)
    time = 2000
    expect((await ask(call(1002))).cached).toBe(false)
    time = 5000
    expect((await ask(call(2000))).cached).toBe(false)
  })

  it('keeps no denial, and nothing of a method that is not cacheable', async () => {
    await authorizer.decide(createRecord, newRecord(ACME), bob())
    expect((await authorizer.decide(createRecord, newRecord(ACME), bob())).cached).toBe(false)
    facts.commit(world.roleFact(ACME, EDITOR, [], 2n))
    await facts.refresh(bob().deadline)
    await ask()
    expect(await ask()).toMatchObject({ allow: false, cached: false })
  })
})
