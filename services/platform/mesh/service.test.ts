import { afterEach, describe, expect, it } from '@jest/globals'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { TenancyService } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { newId } from '../ids.js'
import type { Call } from './call.js'
import type { Trailers } from './client.js'
import { AppError } from './errors.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, decision, fakeAuthorizer } from './testing.js'

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

describe('serveMesh()', () => {
  it('takes a unary call through the chain to its RPC and back, with both ids in its trailers', async () => {
    let seen: Call | undefined
    mesh = await createTestMesh({
      routes: records({
        getRecord: (request: { recordId: string }, call: Call) => {
          seen = call
          return Promise.resolve({ record: { recordId: request.recordId } })
        },
      }),
    })
    const tenant = newId('ten')
    let trailers: Trailers | undefined
    const answer = await mesh
      .connect()
      .client(RecordService)
      .getRecord(
        { tenantId: tenant, collectionId: newId('col'), recordId: 'one' },
        { token: mesh.token({ tenant }), clientAddress: '192.0.2.7', onTrailers: (given) => (trailers = given) },
      )
    expect(answer.record?.recordId).toBe('one')
    expect(seen?.tenant).toBe(tenant)
    expect(seen?.subject?.tenant).toBe(tenant)
    expect(seen?.workload.service).toBe('gateway')
    expect(seen?.clientAddress).toBe('192.0.2.7')
    expect(seen?.mayWrite).toBe(false)
    expect(trailers?.decisionId).toBe(Buffer.from(seen!.decisionId).toString('hex'))
    expect(trailers?.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(mesh.records).toHaveLength(1)
    expect(mesh.records[0]).toMatchObject({ kind: RecordKind.CALL, tenantId: tenant, outcome: Outcome.OK, resourceId: 'one' })
    expect(mesh.state.held).toBe(0)
  })

  it('answers a denial with its reason, its decision id and a record in the log of the subject', async () => {
    mesh = await createTestMesh({ routes: records({}), authorizer: fakeAuthorizer(() => decision(false, 'TENANT_MISMATCH')) })
    const own = newId('ten')
    let trailers: Trailers | undefined
    const call = mesh
      .connect()
      .client(RecordService)
      .getRecord(
        { tenantId: newId('ten'), collectionId: newId('col'), recordId: 'one' },
        { token: mesh.token({ tenant: own }), onTrailers: (given) => (trailers = given) },
      )
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown as AppError,
    )
    expect(error).toBeInstanceOf(AppError)
    expect(error?.reason).toBe('TENANT_MISMATCH')
    expect(error?.metadata.decision_id).toBe(trailers?.decisionId)
    expect(mesh.records[0]).toMatchObject({ tenantId: own, outcome: Outcome.DENIED, code: 7 })
  })

  it('takes a client stream and a server stream, each opened and closed', async () => {
    mesh = await createTestMesh({
      routes: records({
        importRecords: async (requests: AsyncIterable<{ records: unknown[] }>, call: Call) => {
          let created = 0n
          for await (const request of requests) {
            created += BigInt(request.records.length)
            call.committed?.([call.nextEvent({ type: 't', topic: 'changes', subject: 's' }).id])
            await call.progress()
          }
          return { created }
        },
        exportRecords: async function* () {
          for (const recordId of ['a', 'b', 'c']) yield await Promise.resolve({ records: [{ recordId }] })
        },
      }),
    })
    const tenantId = newId('ten')
    const collectionId = newId('col')
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    const answer = await client.importRecords(
      (async function* () {
        yield await Promise.resolve({ tenantId, collectionId, records: [{ recordId: 'a', fields: {} }] })
        yield {
          records: [
            { recordId: 'b', fields: {} },
            { recordId: 'c', fields: {} },
          ],
        }
      })(),
      { token },
    )
    expect(answer.created).toBe(3n)
    expect(mesh.records.map(({ kind }) => kind)).toEqual([RecordKind.OPENED, RecordKind.PROGRESS, RecordKind.PROGRESS, RecordKind.CLOSED])
    expect(mesh.records.at(-1)).toMatchObject({ messagesIn: 2n, eventCount: 2 })
    expect(mesh.records[1]).toMatchObject({ eventCount: 1 })
    const out: string[] = []
    for await (const page of client.exportRecords({ tenantId, collectionId }, { token })) out.push(page.records[0]!.recordId)
    expect(out).toEqual(['a', 'b', 'c'])
    expect(mesh.records.at(-1)).toMatchObject({ kind: RecordKind.CLOSED, messagesOut: 3n })
    expect(mesh.state.held).toBe(0)
  })

  it('records a workload in the log of the platform, with a copy in that of the tenant it acts on', async () => {
    mesh = await createTestMesh({ service: 'data', routes: routes(TenancyService, { prepareTenant: () => Promise.resolve({}) }) })
    const tenantId = newId('ten')
    await mesh
      .connect()
      .client(TenancyService)
      .prepareTenant({ tenantId, operationId: newId('op'), placement: 'pool', tier: 'standard', region: 'local' })
    expect(mesh.records.map(({ kind, tenantId: log }) => [kind, log])).toEqual(
      expect.arrayContaining([
        [RecordKind.CALL, 'ten_00000000000000000000000000'],
        [RecordKind.COPY, tenantId],
      ]),
    )
    expect(mesh.records[0]!.decisionId).toEqual(mesh.records[1]!.decisionId)
  })
})
