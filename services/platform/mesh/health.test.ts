import { afterEach, describe, expect, it } from '@jest/globals'
import { createRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { FactService } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { AppError } from './errors.js'
import { reflectionRoutes } from './reflection.js'
import { meshMethod } from './method.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh } from './testing.js'

let mesh: TestMesh
afterEach(() => mesh.close())

const CHECK = '/grpc.health.v1.Health/Check'
const WATCH = '/grpc.health.v1.Health/Watch'
const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
const own = routes(FactService, { renew: () => Promise.resolve({}) })
const reason = (call: Promise<unknown>) =>
  call.then(
    () => 'OK',
    (error: unknown) => (error as AppError).reason,
  )

describe('grpc.health.v1', () => {
  it('follows readiness, pushes its changes, and leaves rotation before a drain', async () => {
    let ready = true
    mesh = await createTestMesh({ routes: own, ready: () => ready })
    const { raw } = mesh.connect()
    expect([...(await raw.unary(CHECK, Buffer.alloc(0)))]).toEqual([8, 1])
    const seen: number[] = []
    const watching = (async () => {
      for await (const message of raw.serverStream(WATCH, Buffer.alloc(0))) {
        seen.push(message[1]!)
        if (seen.length === 1) ready = false
        if (seen.length === 2) ready = true
        if (seen.length === 3) break
        await mesh.server.look()
      }
    })()
    await watching
    expect(seen).toEqual([1, 2, 1])
    expect(mesh.records).toHaveLength(0)
  })

  it('is not ready while readiness throws, and knows its services by name', async () => {
    mesh = await createTestMesh({ routes: own, ready: () => Promise.reject(new Error('database')) })
    const { raw } = mesh.connect()
    const name = (text: string) => Buffer.from([10, text.length, ...Buffer.from(text)])
    expect([...(await raw.unary(CHECK, name('tenantry.facts.v1.FactService')))]).toEqual([8, 2])
    expect(await reason(raw.unary(CHECK, name('tenantry.none.v1.Service')))).toBe('NOT_FOUND')
  })
})

const one = async function* (bytes: Uint8Array) {
  yield await Promise.resolve(bytes)
}
/** ServerReflectionRequest with one string field. */
const ask = (field: number, text: string) => Buffer.from([(field << 3) | 2, text.length, ...Buffer.from(text)])

describe('reflection', () => {
  it('is for workloads that policy lets, and recorded (threats 47)', async () => {
    mesh = await createTestMesh({ routes: own, mayReflect: (workload) => workload.service === 'gateway' })
    const read = async (client = mesh.connect()) => {
      const answers: Buffer[] = []
      for await (const answer of client.raw.duplex(REFLECT, one(ask(7, '')))) answers.push(answer)
      return Buffer.concat(answers).toString('latin1')
    }
    expect(await read()).toContain('tenantry.facts.v1.FactService')
    expect(await reason(read(mesh.connect('spiffe://tenantry.test/region/local/svc/audit')))).toBe('WORKLOAD_NOT_ALLOWED')
    expect(mesh.records.at(-1)).toMatchObject({ code: 7, action: 'platform.reflection.read' })
  })

  it('answers with files that stand by themselves', async () => {
    mesh = await createTestMesh({ routes: own })
    const [route] = reflectionRoutes([meshMethod(FactService.method.renew)])
    const reflect = route!.rpc as unknown as (
      requests: AsyncIterable<unknown>,
    ) => AsyncIterable<{ messageResponse: { case: string; value: never } }>
    const requests = async function* () {
      yield await Promise.resolve({ host: '', messageRequest: { case: 'fileContainingSymbol', value: 'tenantry.facts.v1.FactService' } })
      yield { host: '', messageRequest: { case: 'fileContainingSymbol', value: 'tenantry.facts.v1.FactService.Renew' } }
      yield {
        host: '',
        messageRequest: {
          case: 'fileContainingExtension',
          value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 50701 },
        },
      }
      yield { host: '', messageRequest: { case: 'fileContainingSymbol', value: 'no.such.Thing' } }
    }
    const answers = []
    for await (const answer of reflect(requests())) answers.push(answer.messageResponse)
    expect(answers.map(({ case: kind }) => kind)).toEqual([
      'fileDescriptorResponse',
      'fileDescriptorResponse',
      'fileDescriptorResponse',
      'errorResponse',
    ])
    const files = (answers[0]!.value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    )
    const names = new Set(files.map((file) => file.name))
    for (const file of files) for (const imported of file.dependency) expect(names).toContain(imported)
    expect(createRegistry()).toBeDefined()
  })
})
