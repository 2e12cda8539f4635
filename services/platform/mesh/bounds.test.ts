import { afterEach, describe, expect, it } from '@jest/globals'
import { create, toBinary } from '@bufbuild/protobuf'
import { connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { CreateRecordRequestSchema, RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../ids.js'
import type { Call } from './call.js'
import type { Trailers } from './client.js'
import type { AppError } from './errors.js'
import { routes } from './rpc.js'
import type { MeshOptions } from './service.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, REGION, TRUST_DOMAIN } from './testing.js'
import { serviceSpiffeId } from './workload.js'

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
const tenantId = newId('ten')
const collectionId = newId('col')
const get = { tenantId, collectionId, recordId: 'one' }
const reason = (call: Promise<unknown>) =>
  call.then(
    () => 'OK',
    (error: unknown) => (error as AppError).reason,
  )
const start = async (rpcs: object, more: Partial<MeshOptions> = {}) => {
  mesh = await createTestMesh({ routes: records(rpcs), ...more })
}
const sized = (bytes: number) => ({ tenantId, collectionId, recordId: 'x', fields: { text: 'x'.repeat(bytes) } })

/** One call over a bare HTTP/2 session, with the flags of the message given: answers with its trailers. */
const bare = async (path: string, body: Buffer, headers: Record<string, string> = {}, compressed = false) => {
  const { cert, key, ca } = mesh.authority.issue({ spiffeId: serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway'), ttlMs: 60_000 })
  const session = connect(`https://127.0.0.1:${mesh.server.port}`, { cert, key, ca })
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers })
  const head = Buffer.alloc(5)
  head[0] = compressed ? 1 : 0
  head.writeUInt32BE(body.length, 1)
  const trailers = new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.on('response', (response) => {
      if (response['grpc-status'] !== undefined) resolve(response)
    })
    stream.on('trailers', resolve)
    stream.on('error', reject)
    stream.resume()
  })
  stream.end(Buffer.concat([head, body]))
  const answer = await trailers
  session.destroy()
  return answer
}

describe('messages (threats 41)', () => {
  it('that are too large are refused with ids, a reason and a record, and smaller ones are not', async () => {
    await start({ createRecord: () => Promise.resolve({}) }, { limits: { maxMessageBytes: 64 * 1024 } })
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    let trailers: Trailers | undefined
    expect(await reason(client.createRecord(sized(100_000), { token, onTrailers: (given) => (trailers = given) }))).toBe(
      'MESSAGE_TOO_LARGE',
    )
    expect(trailers?.decisionId).toMatch(/^[0-9a-f]{32}$/)
    expect(mesh.records[0]).toMatchObject({ code: 8, tenantId })
    expect(await reason(client.createRecord(sized(50_000), { token }))).toBe('OK')
  })

  it('that are bombs end at the limit, and the same bytes pass under a larger one', async () => {
    const message = toBinary(CreateRecordRequestSchema, create(CreateRecordRequestSchema, sized(8_000_000)))
    const bomb = gzipSync(message)
    expect(bomb.length).toBeLessThan(20_000)
    const path = '/tenantry.data.v1.RecordService/CreateRecord'
    await start({ createRecord: () => Promise.resolve({}) })
    const refused = await bare(path, bomb, { 'grpc-encoding': 'gzip' }, true)
    expect([refused['grpc-status'], typeof refused['tenantry-decision-id']]).toEqual(['8', 'string'])
    expect(mesh.records).toHaveLength(1)
    await mesh.close()
    await start({ createRecord: () => Promise.resolve({}) }, { limits: { maxMessageBytes: 16_000_000 } })
    expect((await bare(path, bomb, { 'grpc-encoding': 'gzip' }, true))['grpc-status']).toBe('0')
  })

  it('that can not be decompressed, or nest without end, are malformed and not INTERNAL', async () => {
    await start({ createRecord: () => Promise.resolve({}) })
    const path = '/tenantry.data.v1.RecordService/CreateRecord'
    for (const [body, headers] of [
      [Buffer.from('not gzip'), { 'grpc-encoding': 'gzip' }],
      [Buffer.from('x'), { 'grpc-encoding': 'br' }],
    ] as const) {
      expect((await bare(path, body, headers, true))['grpc-status']).toBe('3')
    }
    let deep: unknown = 'x'
    for (let i = 0; i < 2_000; i++) deep = [deep]
    let wire = Buffer.from([0x1a, 0x01, 0x78])
    for (let i = 0; i < 200_000 && wire.length < 3_000_000; i++) {
      // Value.list_value { values { ... } }, wrapped again and again.
      const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)])
      if (i > 3_000) break
      const inner = Buffer.concat([Buffer.from([0x0a, ...varint(wire.length)]), wire])
      wire = Buffer.concat([Buffer.from([0x32, ...varint(inner.length)]), inner])
    }
    const entry = Buffer.concat([Buffer.from([0x0a, 0x01, 0x61, 0x12]), lengthOf(wire), wire])
    const struct = Buffer.concat([Buffer.from([0x0a]), lengthOf(entry), entry])
    const head = toBinary(CreateRecordRequestSchema, create(CreateRecordRequestSchema, { tenantId, collectionId, recordId: 'x' }))
    const nested = Buffer.concat([head, Buffer.from([0x22]), lengthOf(struct), struct])
    expect(['0', '3']).toContain((await bare(path, nested))['grpc-status'])
    expect(mesh.records.map(({ code }) => code)).not.toContain(13)
  })

  it('with a NUL or broken text name the field and not the value', async () => {
    await start({ createRecord: () => Promise.resolve({}) })
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    const error = await client
      .createRecord({ tenantId, collectionId, recordId: 'x', fields: { a: { b: ['canary\0'] } } }, { token })
      .catch((e: unknown) => e as AppError)
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'fields.a.b[0]', description: 'must not contain NUL' }] })
    const head = toBinary(CreateRecordRequestSchema, create(CreateRecordRequestSchema, { tenantId, collectionId, recordId: 'x' }))
    const surrogate = Buffer.concat([head, Buffer.from([0x2a, 0x03, 0xed, 0xa0, 0x80])])
    expect(await reason(mesh.connect().raw.unary('/tenantry.data.v1.RecordService/CreateRecord', surrogate, { token }))).toBe(
      'MALFORMED_MESSAGE',
    )
    const wrong = await client
      .createRecord({ tenantId: 'canary', collectionId: "'; drop", fields: {} }, { token })
      .catch((e: unknown) => e as AppError)
    expect((wrong as AppError).violations.map(({ field }) => field)).toEqual(['tenant_id', 'collection_id'])
    expect(JSON.stringify([(wrong as AppError).message, (wrong as AppError).violations])).not.toMatch(/canary|drop/)
  })

  it('of an answer too large are refused rather than cut', async () => {
    await start(
      { getRecord: () => Promise.resolve({ record: { recordId: 'x'.repeat(100_000) } }) },
      { limits: { maxMessageBytes: 64 * 1024 } },
    )
    expect(
      await reason(
        mesh
          .connect()
          .client(RecordService)
          .getRecord(get, { token: mesh.token({ tenant: tenantId }) }),
      ),
    ).toBe('MESSAGE_TOO_LARGE')
  })
})

const lengthOf = (bytes: Buffer): Buffer => {
  const out: number[] = []
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 128) return Buffer.from([...out, left])
    out.push((left & 127) | 128)
  }
}

describe('deadlines (threats 44)', () => {
  const slow = (ended: string[]) => ({
    getRecord: (_: unknown, call: Call) =>
      new Promise((_resolve, reject) =>
        call.deadline.signal.addEventListener(
          'abort',
          () => (ended.push((call.deadline.signal.reason as AppError).reason), reject(new Error('aborted'))),
        ),
      ),
  })
  const path = '/tenantry.data.v1.RecordService/GetRecord'

  it('are capped when missing or huge, and end the work', async () => {
    const ended: string[] = []
    await start(slow(ended), { limits: { deadlineMs: 150 } })
    const headers = { authorization: `Bearer ${mesh.token({ tenant: tenantId })}` }
    const message = Buffer.from(toBinary(RecordService.method.getRecord.input, create(RecordService.method.getRecord.input, get)))
    for (const timeout of [undefined, '99999999H', '2592000S', '1H']) {
      const answer = await bare(path, message, { ...headers, ...(timeout === undefined ? undefined : { 'grpc-timeout': timeout }) })
      expect(answer['grpc-status']).toBe('4')
    }
    expect(ended).toEqual(Array(4).fill('DEADLINE_EXCEEDED'))
    expect(mesh.records.map(({ code }) => code)).toEqual([4, 4, 4, 4])
  })

  it("are the caller's own where shorter; without the cap the work would go on", async () => {
    const ended: string[] = []
    await start(slow(ended), { limits: { deadlineMs: 60_000 } })
    const call = mesh
      .connect()
      .client(RecordService)
      .getRecord(get, { token: mesh.token({ tenant: tenantId }), timeoutMs: 200 })
    await sleep(60)
    expect(ended).toEqual([])
    expect(await reason(call)).toBe('DEADLINE_EXCEEDED')
    for (let i = 0; i < 100 && ended.length === 0; i++) await sleep(10)
    expect(ended).toHaveLength(1)
  })

  it('end a call whose handler ignores them, after a grace', async () => {
    await start({ getRecord: () => new Promise(() => undefined) }, { limits: { deadlineMs: 50 }, graceMs: 50 })
    expect(
      await reason(
        mesh
          .connect(undefined, { attempts: 1 })
          .client(RecordService)
          .getRecord(get, { token: mesh.token({ tenant: tenantId }) }),
      ),
    ).toBe('DEADLINE_EXCEEDED')
    expect(mesh.state.held).toBe(0)
  })

  it('cancel the work when the caller goes away, and record it', async () => {
    const ended: string[] = []
    let entered = (): void => undefined
    const running = new Promise<void>((resolve) => (entered = resolve))
    const { getRecord } = slow(ended)
    await start({ getRecord: (request: unknown, call: Call) => (entered(), getRecord(request, call)) })
    const gone = new AbortController()
    const call = mesh
      .connect()
      .client(RecordService)
      .getRecord(get, { token: mesh.token({ tenant: tenantId }), signal: gone.signal })
    await running
    gone.abort()
    expect(await reason(call)).toBe('CANCELLED')
    for (let i = 0; i < 200 && mesh.records.length === 0; i++) await sleep(10)
    expect(ended).toEqual(['CANCELLED'])
    expect(mesh.records[0]).toMatchObject({ code: 1 })
  })

  it('of the token end a server stream with TOKEN_EXPIRED', async () => {
    await start({
      exportRecords: async function* () {
        for (;;) {
          await sleep(50)
          yield { records: [] }
        }
      },
    })
    const token = mesh.token({ tenant: tenantId, exp: Math.floor(Date.now() / 1_000) + 1 })
    const drain = async () => {
      for await (const _ of mesh.connect().client(RecordService).exportRecords({ tenantId, collectionId }, { token }));
    }
    expect(await reason(drain())).toBe('TOKEN_EXPIRED')
  })
})

describe('streams', () => {
  it('may not change what they were authorized on', async () => {
    await start({
      importRecords: async (requests: AsyncIterable<unknown>) => {
        for await (const _ of requests);
        return {}
      },
    })
    const client = mesh.connect().client(RecordService)
    const token = mesh.token({ tenant: tenantId })
    const send = (...later: object[]) =>
      reason(
        client.importRecords(
          (async function* () {
            yield await Promise.resolve({ tenantId, collectionId })
            yield* later
          })(),
          { token },
        ),
      )
    expect(await send({}, { tenantId, collectionId })).toBe('OK')
    expect(await send({ tenantId: newId('ten') })).toBe('PATH_CHANGED_IN_STREAM')
    expect(await send({ collectionId: newId('col') })).toBe('PATH_CHANGED_IN_STREAM')
    expect(await send({ records: [{ recordId: '../x' }] })).toBe('INVALID_FIELD')
    expect(
      await reason(
        client.importRecords(
          (async function* () {
            yield await Promise.resolve({})
          })(),
          { token },
        ),
      ),
    ).toBe('INVALID_FIELD')
  })
})

describe('calls side by side (threats 9)', () => {
  /** Many calls of many tenants at once, each resting between its steps; answers with how many saw another's tenant. */
  const storm = async (tenantOf: (call: Call) => string, enter: (call: Call) => void) => {
    let wrong = 0
    await start({
      getRecord: async (request: { tenantId: string }, call: Call) => {
        enter(call)
        for (let i = 0; i < 3; i++) {
          await sleep(Math.random() * 3)
          if (tenantOf(call) !== request.tenantId) wrong++
        }
        return {}
      },
    })
    const client = mesh.connect().client(RecordService)
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        const own = newId('ten')
        await client.getRecord({ ...get, tenantId: own }, { token: mesh.token({ tenant: own }) })
      }),
    )
    expect(mesh.records.every(({ tenantId: log }) => log !== '')).toBe(true)
    return wrong
  }

  it('never see each other: the call is passed, not ambient', async () => {
    expect(
      await storm(
        (call) => call.tenant,
        () => undefined,
      ),
    ).toBe(0)
  })

  it('do see each other where something ambient stands in for the call', async () => {
    let ambient = ''
    expect(
      await storm(
        () => ambient,
        (call) => (ambient = call.tenant),
      ),
    ).toBeGreaterThan(0)
  })
})
