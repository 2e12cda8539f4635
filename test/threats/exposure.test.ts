import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { DescMethod } from '@bufbuild/protobuf'
import { once } from 'node:events'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { EDGE_SERVICES } from '../../services/gateway/service.js'
import { Caller, Exposure } from '../../proto/gen/tenantry/authz/v1/method_pb.js'
import { FactService } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { ProgressService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { meshMethod } from '../../services/platform/mesh/method.js'
import { serveHealth } from '../../services/platform/telemetry/http.js'
import { createRegistry } from '../../services/platform/telemetry/metrics.js'
import type { EdgeFixture } from '../../services/gateway/testing.js'
import { openEdge } from '../../services/gateway/testing.js'
import { framed, postJson, sendHttp1, sendHttp2 } from './edge.js'

let edge: EdgeFixture
beforeAll(async () => {
  edge = await openEdge({ deps: { refusalWindowMs: 1 } })
})
afterAll(() => edge.close())

const methods = [...EDGE_SERVICES, FactService, TenancyService, ProgressService].flatMap((service): DescMethod[] => [...service.methods])
const edgeOnes = methods.filter((method) => meshMethod(method).option.exposure === Exposure.EDGE)
const meshOnes = methods.filter((method) => meshMethod(method).option.exposure !== Exposure.EDGE)
const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`
const INTERNAL = [
  ...meshOnes.map(pathOf),
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  '/grpc.channelz.v1.Channelz/GetServers',
]

describe('what a stranger finds at the gateway (threats 47)', () => {
  it('is no method of the mesh, no health of services and no reflection, as Connect or as gRPC', async () => {
    expect(meshOnes.length).toBeGreaterThanOrEqual(3)
    for (const path of INTERNAL) {
      expect(await postJson(edge, [], '{}', path)).toMatchObject({ status: 404 })
      const grpc = { ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
      expect(await sendHttp2(edge, grpc, framed(Buffer.alloc(0)))).toMatchObject({ grpcStatus: '12' })
    }
  })

  it('is no metrics, no files and no page but health and keys', async () => {
    const page = (path: string) => sendHttp1(edge, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    for (const path of [
      '/',
      '/metrics',
      '/readyz',
      '/debug/pprof',
      '/server-status',
      '/__proto__',
      '/constructor',
      '/../operator.json',
      '//healthz',
    ])
      expect(await page(path)).toMatchObject({ status: 404 })
    const health = await page('/healthz')
    expect(health.status).toBe(200)
    expect(health.text).toMatch(/\{"status":"SERVING"\}/)
    expect((await page('/.well-known/jwks.json')).status).toBe(200)
    expect(health.text).not.toMatch(/^(?:server|x-powered-by):/im)
  })

  it('is refused without a token by every method that is not for anyone; negative control: anonymous ones are let through to their service', async () => {
    for (const method of edgeOnes.filter(({ methodKind }) => methodKind === 'unary')) {
      const { option } = meshMethod(method)
      const answer = await postJson(edge, [], '{}', pathOf(method))
      if (option.callers.includes(Caller.ANONYMOUS)) expect(answer.reason).not.toBe('TOKEN_MISSING')
      else expect(answer).toMatchObject({ status: 401, reason: 'TOKEN_MISSING' })
    }
    expect(edge.seen).toEqual([])
  })
})

describe('what a stranger finds at a service (threats 47)', () => {
  it('is nothing: neither plain HTTP/2 nor TLS without a certificate gets a byte of HTTP', async () => {
    const plain = connect(edge.mesh.server.port, '127.0.0.1')
    const heard: Buffer[] = []
    plain.on('data', (chunk: Buffer) => heard.push(chunk))
    plain.on('error', () => undefined)
    plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
    await new Promise((resolve) => plain.once('close', resolve))
    // A TLS alert at most.
    expect(Buffer.concat(heard).length).toBeLessThan(16)

    const tls = connectTls({
      port: edge.mesh.server.port,
      host: '127.0.0.1',
      ca: edge.ca,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    })
    const said: Buffer[] = []
    tls.on('data', (chunk: Buffer) => said.push(chunk))
    tls.on('error', () => undefined)
    tls.on('secureConnect', () => tls.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'))
    await new Promise((resolve) => tls.once('close', resolve))
    expect(Buffer.concat(said).length).toBe(0)
  })
})

describe('metrics and health of a service (threats 47)', () => {
  const outward = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address)
  /** Another address of loopback stands in where the machine has no other interface: a port on all interfaces would answer there. */
  const elsewhere = [...outward, '127.0.0.2']

  const reached = async (port: number, host: string): Promise<boolean> => {
    const socket = connect({ port, host, timeout: 1_000 })
    const result = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'timeout').then(() => false)]).catch(
      () => false,
    )
    socket.destroy()
    return result
  }

  it('are on 127.0.0.1 alone; negative control: a port of another address is found there', async () => {
    const health = await serveHealth({
      registry: createRegistry({ service_name: 'data', service_instance_id: 'data-1', service_version: 'test' }),
      port: 0,
      checks: () => Promise.resolve({ database: true }),
    })
    for (const host of elsewhere) expect(await reached(health.port, host)).toBe(false)
    const [response] = (await once(get(`http://127.0.0.1:${health.port}/metrics`), 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(200)
    await health.close()
    const bare = createServer().listen(0, '127.0.0.2')
    await once(bare, 'listening')
    expect(await reached((bare.address() as AddressInfo).port, '127.0.0.2')).toBe(true)
    bare.close()
  })
})
