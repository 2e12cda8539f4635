import { afterEach, describe, expect, it } from '@jest/globals'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../ids.js'
import type { Call } from './call.js'
import { authorityOf, newAuthority } from './certificates/authority.js'
import { AppError } from './errors.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, decision, fakeAuthorizer, handSource, REGION, TRUST_DOMAIN } from './testing.js'
import { serviceSpiffeId } from './workload.js'

let mesh: TestMesh
afterEach(() => mesh.close())

const never = () => Promise.reject(new Error('not called'))
const start = async (rpcs: object, more: object = {}) => {
  mesh = await createTestMesh({
    routes: routes(RecordService, {
      createRecord: never,
      getRecord: never,
      listRecords: never,
      updateRecord: never,
      deleteRecord: never,
      batchWriteRecords: never,
      importRecords: never,
      exportRecords: never,
      ...rpcs,
    } as never),
    ...more,
  })
}
const tenantId = newId('ten')
const get = { tenantId, collectionId: newId('col'), recordId: 'one' }
const create = { ...get, fields: {} }
const reason = (call: Promise<unknown>) =>
  call.then(
    () => 'OK',
    (error: unknown) => (error as AppError).reason,
  )

describe('createMeshClient()', () => {
  it('repeats only what its method allows', async () => {
    let reads = 0
    let writes = 0
    await start({
      getRecord: () => (++reads < 3 ? Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'away')) : Promise.resolve({})),
      createRecord: () => (writes++, Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'away'))),
    })
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    expect(await reason(client.getRecord(get, { token }))).toBe('OK')
    expect(await reason(client.createRecord(create, { token }))).toBe('DATABASE_UNAVAILABLE')
    expect([reads, writes]).toEqual([3, 1])
  })

  it('passes on reason, metadata and violations', async () => {
    await start({
      getRecord: () =>
        Promise.reject(
          new AppError('ETAG_MISMATCH', 'stale', {
            metadata: { a: 'b' },
            violations: [{ field: 'etag', description: 'is stale' }],
            cause: new Error('canary'),
          }),
        ),
    })
    const error = await mesh
      .connect()
      .client(RecordService)
      .getRecord(get, { token: mesh.token({ tenant: tenantId }) })
      .catch((e: unknown) => e)
    expect(error).toMatchObject({
      reason: 'ETAG_MISMATCH',
      message: 'stale',
      metadata: { a: 'b' },
      violations: [{ field: 'etag', description: 'is stale' }],
    })
  })

  it('shows INTERNAL with a fixed text, and a message that is no text at all as text', async () => {
    let error: Error = new Error('canary')
    await start({ getRecord: () => Promise.reject(error) })
    const client = mesh.connect().client(RecordService)
    const call = () => client.getRecord(get, { token: mesh.token({ tenant: tenantId }) }).catch((e: unknown) => e)
    expect(await call()).toMatchObject({ reason: 'INTERNAL', message: 'internal error', metadata: {} })
    error = new AppError('NOT_FOUND', 'half \ud800 a pair\r\n\u2028 100%')
    expect(await call()).toMatchObject({ reason: 'NOT_FOUND', message: 'half \ufffd a pair\r\n\u2028 100%' })
  })

  it('talks to the service that it means and to no other', async () => {
    await start({ getRecord: () => Promise.resolve({}) })
    const token = mesh.token({ tenant: tenantId })
    const other = mesh.connect(undefined, { expect: { service: 'identity', region: REGION }, attempts: 1 })
    expect(await reason(other.client(RecordService).getRecord(get, { token }))).toBe('UPSTREAM_UNAVAILABLE')
    const stranger = authorityOf(newAuthority(TRUST_DOMAIN))
    const mistaken = mesh.connect(undefined, {
      source: handSource(stranger, serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway')).source,
      attempts: 1,
    })
    expect(await reason(mistaken.client(RecordService).getRecord(get, { token }))).toBe('UPSTREAM_UNAVAILABLE')
    expect(mesh.records).toHaveLength(0)
  })

  it('hands deadline and trace on', async () => {
    let seen: Call | undefined
    await start({ getRecord: (_: unknown, call: Call) => ((seen = call), Promise.resolve({})) })
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    await mesh
      .connect()
      .client(RecordService)
      .getRecord(get, { token: mesh.token({ tenant: tenantId }), traceparent: `00-${traceId}-b7ad6b7169203331-01`, timeoutMs: 800 })
    expect(seen!.traceId).toBe(traceId)
    expect(seen!.deadline.at - performance.now()).toBeLessThan(800)
  })

  it('drops answers rather than reset beyond its budget, and the connection lives through thousands of cancellations (threats 42)', async () => {
    let cancelled = 0
    await start({
      getRecord: async (request: { recordId: string }, call: Call) => {
        if (request.recordId === 'slow') {
          call.deadline.signal.addEventListener('abort', () => {
            if ((call.deadline.signal.reason as AppError).reason === 'CANCELLED') cancelled++
          })
          await sleep(30)
        }
        return {}
      },
    })
    const burst = 20
    const client = mesh.connect(undefined, { resets: { burst, perSecond: 0 }, timeoutMs: 25_000 }).client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    await client.getRecord(get, { token })
    for (let round = 0; round < 6; round++) {
      const stop = new AbortController()
      setMaxListeners(0, stop.signal)
      const calls = Array.from({ length: 200 }, () =>
        reason(client.getRecord({ ...get, recordId: 'slow' }, { token, signal: stop.signal })),
      )
      await sleep(5)
      stop.abort()
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['CANCELLED']))
    }
    expect(cancelled).toBeLessThanOrEqual(burst)
    expect(await reason(client.getRecord(get, { token }))).toBe('OK')
  })

  it('leaves a server stream early, and the service learns of it', async () => {
    let ended = false
    await start({
      exportRecords: async function* () {
        try {
          for (let i = 0; ; i++) yield await Promise.resolve({ records: [{ recordId: String(i) }] })
        } finally {
          ended = true
        }
      },
    })
    for await (const page of mesh
      .connect()
      .client(RecordService)
      .exportRecords(get, { token: mesh.token({ tenant: tenantId }) })) {
      if (page.records[0]!.recordId === '3') break
    }
    for (let i = 0; i < 200 && !ended; i++) await sleep(10)
    expect(ended).toBe(true)
  })

  it('takes a failing stream to its caller with the reason of the service', async () => {
    await start({}, { authorizer: fakeAuthorizer(() => decision(false, 'MISSING_PERMISSION')) })
    const drain = async () => {
      for await (const _ of mesh
        .connect()
        .client(RecordService)
        .exportRecords(get, { token: mesh.token({ tenant: tenantId }) }));
    }
    expect(await reason(drain())).toBe('MISSING_PERMISSION')
  })
})
