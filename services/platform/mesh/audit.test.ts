import { afterEach, describe, expect, it } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { FactService } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { newId, PLATFORM_TENANT } from '../ids.js'
import { eventsDigest } from './audit/record.js'
import type { Call } from './call.js'
import { AppError } from './errors.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, decision, fakeAuthorizer, REGION, TRUST_DOMAIN, unseal } from './testing.js'

let mesh: TestMesh
afterEach(() => mesh.close())

const never = () => Promise.reject(new Error('not called'))
const records = (rpcs: object) =>
  routes(RecordService, {
    createRecord: never,
    getRecord: never,
    listRecords: never,
    updateRecord: never,
    deleteRecord: never,
    batchWriteRecords: never,
    importRecords: never,
    exportRecords: never,
    ...rpcs,
  } as never)
const sessions = (createSession: (request: { slug: string }, call: Call) => Promise<object>) =>
  routes(SessionService, {
    createSession,
    refreshSession: never,
    revokeSession: never,
    listSessions: never,
    getJwks: () => Promise.resolve({ jwks: '{}' }),
  } as never)

const tenant = newId('ten')
const get = () => ({ tenantId: tenant, collectionId: newId('col'), recordId: 'one' })
const reason = (call: Promise<unknown>) =>
  call.then(
    () => 'OK',
    (error: unknown) => (error as AppError).reason,
  )

describe('the audit link', () => {
  it('does nothing that it has no room to record (threats 39)', async () => {
    let handled = 0
    mesh = await createTestMesh({ routes: records({ getRecord: () => (handled++, Promise.resolve({})) }) })
    const client = mesh.connect(undefined, { attempts: 1 }).client(RecordService)
    mesh.state.full = true
    expect(await reason(client.getRecord(get(), { token: mesh.token({ tenant }) }))).toBe('JOURNAL_UNAVAILABLE')
    expect(handled).toBe(0)
    mesh.state.full = false
    expect(await reason(client.getRecord(get(), { token: mesh.token({ tenant }) }))).toBe('OK')
    expect(handled).toBe(1)
  })

  it('answers OUTCOME_UNKNOWN when the flush failed after the handler, and leaves rotation', async () => {
    mesh = await createTestMesh({ routes: records({ getRecord: () => Promise.resolve({}) }) })
    mesh.state.broken = true
    const client = mesh.connect(undefined, { attempts: 1 }).client(RecordService)
    expect(await reason(client.getRecord(get(), { token: mesh.token({ tenant }) }))).toBe('OUTCOME_UNKNOWN')
    await mesh.server.look()
    expect(mesh.server.serving).toBe(false)
  })

  it('keeps the answer back until the record is on disk', async () => {
    mesh = await createTestMesh({ routes: records({ getRecord: () => Promise.resolve({}) }) })
    let flush = (): void => undefined
    const flushed = new Promise<void>((resolve) => (flush = resolve))
    mesh.state.beforeAppend = () => flushed
    let answered = false
    const call = mesh
      .connect()
      .client(RecordService)
      .getRecord(get(), { token: mesh.token({ tenant }) })
      .then(() => (answered = true))
    await sleep(200)
    expect(answered).toBe(false)
    flush()
    await call
  })

  it('seals what is personal to its person, and a tenant that was only named to the tenant of the log', async () => {
    mesh = await createTestMesh({
      routes: records({ getRecord: (_: unknown, call: Call) => (call.seal({ note: 'canary' }), Promise.resolve({})) }),
      authorizer: fakeAuthorizer((_method, call) => decision(call.metadata('x') === undefined)),
    })
    const own = newId('ten')
    const sub = newId('usr')
    await mesh
      .connect()
      .client(RecordService)
      .getRecord(get(), { token: mesh.token({ tenant: own, sub }), clientAddress: '192.0.2.9' })
    const [record] = mesh.records
    expect(record!.sealed.map(({ keyId, subjectId }) => [keyId, subjectId])).toEqual([[`key:${sub}`, sub]])
    expect(unseal(record!)).toEqual([{ note: 'canary', client_address: '192.0.2.9' }])
    expect(record!.targetTenantId).toBe(tenant)
  })

  it('never makes a key of a tenant that was named and refused', async () => {
    mesh = await createTestMesh({ routes: records({}), authorizer: fakeAuthorizer(() => decision(false, 'TENANT_MISMATCH')) })
    const own = newId('ten')
    await reason(
      mesh
        .connect()
        .client(RecordService)
        .getRecord(get(), { token: mesh.token({ tenant: own }) }),
    )
    const [record] = mesh.records
    expect(record).toMatchObject({ tenantId: own, targetTenantId: '', outcome: Outcome.DENIED })
    expect(unseal(record!)).toEqual([{ named_tenant: tenant }])
    expect(record!.sealed[0]!.keyId).toBe(`key:${own}`)
  })

  it('counts the events that were committed, of a call that failed afterwards too, and none that only were numbered', async () => {
    const made: string[] = []
    mesh = await createTestMesh({
      routes: records({
        createRecord: (request: { recordId: string }, call: Call) => {
          const draft = { type: 't', topic: 'changes', subject: 's' } as const
          const ids = Array.from({ length: 4 }, () => call.nextEvent(draft)).map(
            ({ id, ordinal }, at) => (expect(ordinal).toBe(at + 1), id),
          )
          const [rolledBack, later, skipped, first] = ids as [string, string, string, string]
          if (request.recordId === 'replayed') return Promise.resolve({})
          // In whatever order transactions end, the record has the events by their ordinals.
          call.committed?.([first, skipped])
          call.committed?.([later])
          call.dropEvents?.([skipped, rolledBack])
          made.splice(0, made.length, later, first)
          return request.recordId === 'failing' ? Promise.reject(new AppError('DEADLINE_EXCEEDED', 'late')) : Promise.resolve({})
        },
      }),
    })
    const client = mesh.connect().client(RecordService)
    const create = (recordId: string) =>
      client.createRecord({ tenantId: tenant, collectionId: newId('col'), recordId, fields: {} }, { token: mesh.token({ tenant }) })
    await create('new')
    expect(mesh.records[0]).toMatchObject({ eventCount: 2 })
    expect(Buffer.from(mesh.records[0]!.eventsDigest)).toEqual(Buffer.from(eventsDigest(made)))
    expect(await reason(create('failing'))).toBe('DEADLINE_EXCEEDED')
    expect(mesh.records[1]).toMatchObject({ eventCount: 2, outcome: Outcome.FAILED })
    await create('replayed')
    expect(mesh.records[2]).toMatchObject({ eventCount: 0, outcome: Outcome.OK })
  })

  it("writes an operator's call into the platform's log, and a copy into that of the tenant, only once allowed", async () => {
    let allow = true
    mesh = await createTestMesh({
      routes: records({ getRecord: () => Promise.resolve({}) }),
      authorizer: fakeAuthorizer(() => decision(allow, allow ? '' : 'CALLER_NOT_ALLOWED')),
    })
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: PLATFORM_TENANT })
    await client.getRecord(get(), { token })
    expect(mesh.records.map(({ kind, tenantId }) => [kind, tenantId]).sort()).toEqual([
      [RecordKind.CALL, PLATFORM_TENANT],
      [RecordKind.COPY, tenant],
    ])
    allow = false
    await reason(client.getRecord(get(), { token }))
    expect(mesh.records).toHaveLength(3)
    expect(mesh.state.held).toBe(0)
  })

  it('counts renewals and health checks without recording them', async () => {
    mesh = await createTestMesh({ routes: routes(FactService, { renew: () => Promise.resolve({}) }) })
    await mesh.connect().client(FactService).renew({})
    expect(mesh.records).toHaveLength(0)
  })

  it('writes what an anonymous caller did into the log of the tenant that it entered, never of one that it named', async () => {
    mesh = await createTestMesh({
      service: 'identity',
      routes: sessions((request, call) => {
        if (request.slug !== 'acme') return Promise.reject(new AppError('CREDENTIALS_REJECTED', 'no'))
        call.enterTenant(tenant)
        return Promise.resolve({})
      }),
    })
    const client = mesh.connect().client(SessionService)
    const login = (slug: string) => client.createSession({ slug, email: 'a@b.c', password: 'p' })
    await login('acme')
    expect(await reason(login('none'))).toBe('CREDENTIALS_REJECTED')
    expect(mesh.records.map(({ tenantId }) => tenantId)).toEqual([tenant, PLATFORM_TENANT])
    expect(mesh.records[0]!.actor).toMatchObject({ kind: 'anonymous', subject: '' })
  })

  it('aggregates repeated refusals of callers without a token, and nothing of a known subject', async () => {
    mesh = await createTestMesh({
      routes: records({}),
      authorizer: fakeAuthorizer(() => decision(false, 'TOKEN_MISSING')),
      refusalWindowMs: 60_000,
    })
    const client = mesh.connect().client(RecordService)
    for (let i = 0; i < 20; i++) expect(await reason(client.getRecord(get()))).toBe('TOKEN_MISSING')
    expect(mesh.records).toHaveLength(1)
    for (let i = 0; i < 3; i++) await reason(client.getRecord(get(), { token: mesh.token({ tenant }) }))
    expect(mesh.records).toHaveLength(4)
    await mesh.close()
    expect(mesh.records).toHaveLength(5)
    expect(mesh.records[4]).toMatchObject({ kind: RecordKind.REFUSALS, count: 19n, tenantId: PLATFORM_TENANT })
    expect(mesh.state.held).toBe(0)
  })

  it('records a method that does not exist, and one with a malformed message', async () => {
    mesh = await createTestMesh({ routes: records({}) })
    const { raw } = mesh.connect()
    const token = mesh.token({ tenant })
    let decisionId: string | undefined
    const onTrailers = (trailers: { decisionId: string | undefined }) => (decisionId = trailers.decisionId)
    expect(await reason(raw.unary('/tenantry.data.v1.RecordService/Nothing', Buffer.alloc(0), { token, onTrailers }))).toBe(
      'UNKNOWN_METHOD',
    )
    expect(decisionId).toMatch(/^[0-9a-f]{32}$/)
    expect(mesh.records[0]).toMatchObject({ method: 'unknown', tenantId: tenant })
    expect(unseal(mesh.records[0]!)[0]).toMatchObject({ path: '/tenantry.data.v1.RecordService/Nothing' })
    const path = '/tenantry.data.v1.RecordService/GetRecord'
    expect(await reason(raw.unary(path, Buffer.from('ffff', 'hex'), { token, onTrailers }))).toBe('MALFORMED_MESSAGE')
    expect(mesh.records[1]).toMatchObject({ method: path.slice(1), outcome: Outcome.FAILED, code: 3, resourceId: '' })
  })

  it('believes the forwarded binding from those whom policy lists, and names the certificate in the record', async () => {
    const seen: string[] = []
    mesh = await createTestMesh({
      routes: records({ getRecord: (_: unknown, call: Call) => (seen.push(call.subject!.binding), Promise.resolve({})) }),
      mayForward: (spiffeId) => spiffeId.endsWith('/svc/policy'),
    })
    const bound = mesh.token({ tenant, cnf: { 'x5t#S256': 'another' } })
    await mesh.connect(`spiffe://${TRUST_DOMAIN}/region/${REGION}/svc/policy`).client(RecordService).getRecord(get(), { token: bound })
    await mesh.connect(`spiffe://${TRUST_DOMAIN}/region/${REGION}/svc/tenant`).client(RecordService).getRecord(get(), { token: bound })
    await mesh
      .connect()
      .client(RecordService)
      .getRecord(get(), { token: mesh.token({ tenant }) })
    expect(seen).toEqual(['forwarded', 'mismatched', 'none'])
    expect(mesh.records.map(({ actor }) => actor!.boundTo)).toEqual(['another', 'another', ''])
  })
})
