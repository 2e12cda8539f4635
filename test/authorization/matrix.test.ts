import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { AppError } from '../../services/platform/mesh/errors.js'
import { authorityOf, newAuthority } from '../../services/platform/mesh/certificates/authority.js'
import { createPublicKey } from 'node:crypto'
import type { MeshServer } from '../../services/platform/mesh/service.js'
import { serveMesh } from '../../services/platform/mesh/service.js'
import { everyonesFacts, fakeAuthorizer, memoryJournal, openSealer, silentMetrics } from '../../services/platform/mesh/testing.js'
import { EDGE_METHODS, METHODS, SERVICES, nameOf, optionOf, serversOf } from '../contracts.js'
import type { Platform } from '../platform.js'
import { startPlatform } from '../platform.js'
import { callGrpc, dialGrpc, postJson } from '../wire.js'
import type { Cast } from './callers.js'
import { assemble } from './callers.js'
import type { CallerKind } from './expectations.js'
import { EXPECTATIONS } from './expectations.js'
import { ALL_METHODS, MESH_SERVICES, gaps, runMatrix } from './matrix.js'
import type { Requests } from './scenes.js'
import { prepareScenes } from './scenes.js'
import { readRow } from './verdict.js'

describe('authorization', () => {
  let platform: Platform
  let cast: Cast
  let requests: Requests
  beforeAll(async () => {
    platform = await startPlatform()
    cast = await assemble(platform)
    requests = await prepareScenes(platform, cast)
  }, 120_000)
  afterAll(() => platform?.stop(), 60_000)

  it('has an expectation for every method, and for none that is not there', () => {
    expect(gaps(ALL_METHODS, Object.keys(EXPECTATIONS))).toEqual([])
    const [first, ...others] = Object.keys(EXPECTATIONS)
    expect(gaps(ALL_METHODS, others)).toEqual([`${first} has no expectation`])
    expect(gaps(ALL_METHODS.slice(1), [...Object.keys(EXPECTATIONS), 'x.Y/Z#a'])).toHaveLength(2)
  })

  it('is as the table says, for every method and every kind of caller', async () => {
    const { calls, problems } = await runMatrix({ platform, cast, requests }, Object.entries(EXPECTATIONS))
    expect(problems).toEqual([])
    expect(calls).toBeGreaterThan(2_000)
  }, 120_000)

  it('turns red where the policy allows everything', async () => {
    const stub = await allowingEverything(platform)
    try {
      const rows = Object.entries(EXPECTATIONS).filter(([row]) => /^tenantry\.data\.v1\.RecordService\/(Get|Create)Record$/.test(row))
      const matrix = { platform, cast, requests, addressOf: () => stub.address }
      const { problems } = await runMatrix(matrix, rows)
      // Every refusal of the policy; what authenticate refuses by itself stays refused, and the edge asks the real service.
      const byPolicy = (name: string, row: string): string[] =>
        [...readRow(name, row)]
          .filter(([kind, code]: [CallerKind, string]) => !kind.startsWith('edge-') && !'Yxi'.includes(code))
          .map(([kind]) => `${name} by ${kind} at data: must be refused`)
      const expected = rows.flatMap(([name, row]) => byPolicy(name, row))
      expect(expected.length).toBeGreaterThan(30)
      expect(problems.map((problem) => problem.replace(/must be refused.*/, 'must be refused')).sort()).toEqual(expected.sort())
    } finally {
      await stub.close(0)
    }
  }, 60_000)

  it('lets nobody shake hands without a certificate, with one of another CA, or of another trust domain', async () => {
    const stranger = authorityOf(newAuthority(platform.trustDomain))
    const spiffeId = platform.serviceId('gateway')
    const certificates = {
      none: undefined,
      'another CA': { ...stranger.issue({ spiffeId, ttlMs: 60_000 }) },
      'another trust domain': platform.certificateOf('spiffe://elsewhere.test/region/local/svc/gateway'),
    }
    for (const service of MESH_SERVICES) {
      const attempt = async (certificate?: { cert: string; key: string; ca: string }): Promise<string> => {
        const client = dialGrpc(platform.addressOf(service), platform.ca, certificate)
        const outcome = await callGrpc(client, '/grpc.health.v1.Health/Check', [new Uint8Array()], { timeoutMs: 5_000 })
        client.close()
        return outcome.codeName
      }
      for (const [what, certificate] of Object.entries(certificates))
        expect({ service, what, code: await attempt(certificate) }).toEqual({ service, what, code: 'UNAVAILABLE' })
      // The same attempt with a certificate of ours gets through.
      expect(await attempt(platform.certificateOf(spiffeId))).toBe('OK')
    }
  }, 60_000)

  it('serves at each port what the contracts say, and nothing else', async () => {
    for (const service of MESH_SERVICES) {
      const client = platform.dial(platform.addressOf(service), platform.serviceId(service))
      const { messages } = await callGrpc(client, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', [
        Uint8Array.of(0x3a, 1, 0x2a),
      ])
      const named = [...messages[0]!.toString('latin1').matchAll(/(?:tenantry|grpc)\.[\w.]+\w/g)].map(([name]) => name)
      const contracts = SERVICES.filter((contract) => serversOf(contract).includes(service)).map(({ typeName }) => typeName)
      const ours = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection']
      expect({ service, named: named.sort() }).toEqual({ service, named: [...contracts, ...ours].sort() })
    }
  }, 30_000)

  it('answers for a method of the mesh at the edge as for one that nobody has', async () => {
    const edge = async (path: string) => {
      const { status, text } = await postJson(`${platform.gateway}${path}`, platform.ca, '{}', cast.callers.admin.token)
      const json = { status, text }
      const { code, message, reason } = await callGrpc(platform.edgeClient, path, [new Uint8Array()], { token: cast.callers.admin.token })
      return { json, code, message, reason }
    }
    const absent = await edge('/tenantry.data.v1.RecordService/NoSuchMethod')
    expect(absent).toMatchObject({ code: 12, json: { status: 404 } })
    const inner = METHODS.filter((method) => !EDGE_METHODS.includes(method))
    expect(inner.length).toBeGreaterThan(3)
    for (const method of inner)
      expect({ name: nameOf(method), ...(await edge(`/${nameOf(method)}`)) }).toEqual({ name: nameOf(method), ...absent })
    // One that it serves is answered otherwise.
    expect(await edge('/tenantry.data.v1.RecordService/GetRecord')).not.toMatchObject({ code: 12 })
    expect(optionOf(inner[0]!).exposure).not.toBe(optionOf(EDGE_METHODS[0]!).exposure)
  }, 30_000)
})

/** A stand-in for the data service in the same mesh, whose policy allows everything: what the table must notice. */
const allowingEverything = async (platform: Platform): Promise<MeshServer> => {
  const certificate = platform.certificateOf(platform.serviceId('data'))
  const { kid, key } = await platform.signingKey()
  const publicKey = createPublicKey(key)
  const routes = METHODS.filter(({ parent }) => parent.typeName === 'tenantry.data.v1.RecordService').map((method) => ({
    method,
    rpc: (() => Promise.reject(new AppError('NOT_FOUND', 'not found'))) as never,
  }))
  return serveMesh({
    service: 'data',
    region: platform.region,
    trustDomain: platform.trustDomain,
    source: { current: () => certificate, onChange: () => () => undefined, close: () => undefined },
    port: 0,
    log: pino({ level: 'silent' }),
    tracer: trace.getTracer('test'),
    metrics: silentMetrics,
    journal: memoryJournal().journal,
    sealer: openSealer,
    facts: everyonesFacts,
    authorizer: fakeAuthorizer(),
    tokens: {
      issuer: platform.config.issuer ?? platform.gateway,
      audience: 'tenantry',
      jwks: { key: (asked) => (asked === kid ? publicKey : undefined) },
    },
    mayForward: () => true,
    mayReflect: () => true,
    ready: () => true,
    routes,
  })
}
