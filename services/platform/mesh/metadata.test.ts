import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { create, toBinary } from '@bufbuild/protobuf'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetRecordRequestSchema, RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { Reason } from '../../../proto/gen/tenantry/errors/v1/reason_pb.js'
import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { newId } from '../ids.js'
import { readArrival } from './arrival.js'
import type { Call } from './call.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, REGION, TRUST_DOMAIN } from './testing.js'
import { dial, sendFrames } from './testing/wire.js'
import { serviceSpiffeId } from './workload.js'

const never = () => Promise.reject(new Error('not called'))
const GATEWAY = serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway')
const PATH = '/tenantry.data.v1.RecordService/GetRecord'
const tenant = newId('ten')
const message = toBinary(
  GetRecordRequestSchema,
  create(GetRecordRequestSchema, { tenantId: tenant, collectionId: newId('col'), recordId: 'one' }),
)

let mesh: TestMesh
let seen: Call[] = []
beforeAll(async () => {
  mesh = await createTestMesh({
    // Each refusal by itself, for this test.
    refusalWindowMs: 1,
    routes: routes(RecordService, {
      createRecord: never,
      getRecord: (_: unknown, call: Call) => (seen.push(call), Promise.resolve({})),
      listRecords: never,
      updateRecord: never,
      deleteRecord: never,
      batchWriteRecords: never,
      importRecords: never,
      exportRecords: never,
    } as never),
  })
})
beforeEach(() => {
  seen = []
})
afterAll(() => mesh.close())

/** Sends frames made by hand as a workload; answers with the record of the call. */
const call = async (headers: readonly (readonly [string, string])[], spiffeId = GATEWAY): Promise<AccessRecord> => {
  const before = mesh.records.length
  const socket = await dial(mesh.server.port, mesh.authority.issue({ spiffeId, ttlMs: 60_000 }))
  sendFrames(socket, PATH, headers, message)
  for (let i = 0; i < 300 && mesh.records.length === before; i++) await sleep(10)
  socket.destroy()
  return mesh.records[before]!
}
const bearer = (more = {}) => ['authorization', `Bearer ${mesh.token({ tenant, ...more })}`] as const

describe('metadata (threats 16)', () => {
  it('is read when each name comes once', async () => {
    const record = await call([bearer(), ['tenantry-client-address', '192.0.2.1'], ['grpc-timeout', '5S']])
    expect(record.reason).toBe(Reason.UNSPECIFIED)
    expect(seen[0]).toMatchObject({ clientAddress: '192.0.2.1' })
    expect(seen[0]!.subject!.tenant).toBe(tenant)
  })

  const smuggled: Record<string, () => readonly (readonly [string, string])[]> = {
    'two authorizations': () => [bearer(), bearer({ tenant: newId('ten') })],
    'the same authorization twice': () => {
      const one = bearer()
      return [one, one]
    },
    'two client addresses': () => [bearer(), ['tenantry-client-address', '192.0.2.1'], ['tenantry-client-address', '192.0.2.2']],
    'client addresses joined by a comma': () => [bearer(), ['tenantry-client-address', '192.0.2.1,192.0.2.2']],
    'a client address that is none': () => [bearer(), ['tenantry-client-address', 'localhost']],
    'two traceparents': () => [bearer(), ['traceparent', `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`], ['traceparent', 'x']],
    'two timeouts': () => [bearer(), ['grpc-timeout', '1S'], ['grpc-timeout', '9S']],
    'a timeout that is none': () => [bearer(), ['grpc-timeout', 'soon']],
    'a name of ours made up': () => [bearer(), ['tenantry-subject', 'a'], ['tenantry-subject', 'b']],
    'characters beyond ASCII': () => [bearer(), ['x-note', 'caf\u00e9']],
    'a tab in a value': () => [bearer(), ['x-note', 'a\tb']],
  }
  for (const [what, headers] of Object.entries(smuggled)) {
    it(`is refused and recorded: ${what}`, async () => {
      const record = await call(headers())
      expect(Reason[record.reason]).toBe('INVALID_METADATA')
      expect(seen).toHaveLength(0)
    })
  }

  it('would not show a second authorization by itself: Node drops it', async () => {
    const { cert, key } = mesh.authority.issue({ ttlMs: 60_000 })
    const bare = createSecureServer({ cert, key })
    const first = new Promise<unknown>((resolve) => bare.on('stream', (_stream, headers) => resolve(headers.authorization)))
    await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
    const socket = await dial((bare.address() as AddressInfo).port, { ca: mesh.authority.ca })
    sendFrames(
      socket,
      PATH,
      [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ],
      message,
    )
    expect(await first).toBe('Bearer a')
    socket.destroy()
    bare.close()
  })

  it('names no client to anyone but the gateway', async () => {
    for (const [spiffeId, address] of [
      [serviceSpiffeId(TRUST_DOMAIN, REGION, 'policy'), undefined],
      [serviceSpiffeId(TRUST_DOMAIN, 'elsewhere', 'gateway'), undefined],
      [`spiffe://${TRUST_DOMAIN}/region/${REGION}/tenant/${tenant}/sa/${newId('sva')}`, '127.0.0.1'],
    ] as const) {
      await call([bearer(), ['tenantry-client-address', '192.0.2.66']], spiffeId)
      expect(seen.at(-1)!.clientAddress).toBe(address)
    }
  })

  it('stands in for neither workload nor tenant nor subject, whatever it is called', async () => {
    await call([
      bearer(),
      ['x-tenant-id', newId('ten')],
      ['tenantry-tenant', newId('ten')],
      ['tenantry-workload', 'spiffe://evil'],
      ['x-forwarded-client-cert', 'By=spiffe://evil'],
      ['authorization-bin', 'AAAA'],
      ['__proto__', 'x'],
      ['constructor', 'x'],
    ])
    expect(seen[0]).toMatchObject({ tenant, workload: { spiffeId: GATEWAY } })
    expect(seen[0]!.metadata('hasOwnProperty')).toBeUndefined()
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it('is no bearer token in other forms', async () => {
    for (const value of ['Basic YTpi', 'Bearer', 'Bearer a b', 'x']) {
      expect(Reason[(await call([['authorization', value]])).reason]).toBe('TOKEN_INVALID')
    }
  })
})

describe('readArrival()', () => {
  it('leaves grpc-js nothing to read twice', () => {
    const headers = {
      ':path': '/a/B',
      'content-type': 'application/grpc',
      authorization: 'Bearer x',
      'grpc-timeout': '99999999H',
      'x-y': 'z',
    }
    const raw = Object.entries(headers).flat()
    const arrival = readArrival(headers, raw)
    expect(Object.keys(headers)).toEqual([':path', 'content-type'])
    expect(arrival).toMatchObject({ path: '/a/B', timeoutMs: 99_999_999 * 3_600_000, problem: undefined })
  })
})
