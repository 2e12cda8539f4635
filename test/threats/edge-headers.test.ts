import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { create, toBinary, toJsonString } from '@bufbuild/protobuf'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetRecordRequestSchema } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { Reason } from '../../proto/gen/tenantry/errors/v1/reason_pb.js'
import { passedHeaders } from '../../services/gateway/headers.js'
import { newId } from '../../services/platform/ids.js'
import { dial, sendFrames } from '../../services/platform/mesh/testing/wire.js'
import type { EdgeFixture } from '../../services/gateway/testing.js'
import { GET_RECORD, openEdge } from '../../services/gateway/testing.js'
import { framed, postJson, sendHttp1, sendHttp2 } from './edge.js'

const tenant = newId('ten')
const request = create(GetRecordRequestSchema, { tenantId: tenant, collectionId: newId('col'), recordId: 'one' })
const bytes = toBinary(GetRecordRequestSchema, request)
const json = toJsonString(GetRecordRequestSchema, request)

let edge: EdgeFixture
beforeAll(async () => {
  edge = await openEdge({ deps: { refusalWindowMs: 1 } })
})
beforeEach(() => {
  edge.seen.length = 0
  edge.records.length = 0
})
afterAll(() => edge.close())

const bearer = (of = tenant) => `Bearer ${edge.token({ tenant: of })}`

/** Names that something between a browser and a service somewhere believes, and what they would say. */
const SPOOFED: readonly (readonly [string, string])[] = [
  ['X-Tenant-Id', 'ten_spoofed'],
  ['x_tenant_id', 'ten_spoofed'],
  ['X-TENANT-ID-BIN', 'c3Bvb2ZlZA=='],
  ['Tenant', 'spoofed'],
  ['X-Forwarded-For', '203.0.113.9'],
  ['x-FORWARDED-host', 'spoofed'],
  ['X-Real-IP', '203.0.113.9'],
  ['Forwarded', 'for=203.0.113.9;by=spoofed'],
  ['X-Forwarded-Client-Cert', 'URI=spiffe://spoofed/svc/tenant'],
  ['XFCC', 'spoofed'],
  ['Tenantry-Client-Address', '203.0.113.9'],
  ['TENANTRY-CLIENT-ADDRESS', '203.0.113.10'],
  ['tenantry_client_address', '203.0.113.9'],
  ['Tenantry-Decision-Id', 'spoofed'],
  ['tenantry-subject', 'spoofed'],
  ['tenantry-workload-bin', 'c3Bvb2ZlZA=='],
  ['grpc-trace-bin', 'c3Bvb2ZlZA=='],
  ['grpc-status', '0'],
  ['grpc-status-details-bin', 'c3Bvb2ZlZA=='],
  ['Proxy-Authorization', 'Bearer spoofed'],
  ['Cookie', 'token=spoofed'],
  ['baggage', 'tenant=spoofed'],
  ['tracestate', 'spoofed=1'],
]
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
/** All that may reach a service from the gateway. */
const FROM_THE_GATEWAY =
  /^(?:authorization|traceparent|tenantry-client-address|grpc-timeout|grpc-accept-encoding|accept-encoding|content-type|te|user-agent)$/

const expectOurs = (): void => {
  expect(edge.seen).toHaveLength(1)
  const call = edge.seen[0]!
  expect(Object.keys(call.arrival.headers).filter((name) => !FROM_THE_GATEWAY.test(name))).toEqual([])
  expect(JSON.stringify(call.arrival.headers)).not.toMatch(/spoofed|c3Bvb2ZlZA|203\.0\.113/)
  expect(call.clientAddress).toBe('127.0.0.1')
  expect(call.workload.service).toBe('gateway')
  expect(call.subject?.tenant).toBe(tenant)
  expect(call.traceId).not.toBe(TRACE)
}

describe('headers at the edge (threats 15)', () => {
  it('stand in for nothing over HTTP/1.1, in any spelling', async () => {
    const lines = [...SPOOFED.map(([name, value]) => `${name}: ${value}`), `traceparent: 00-${TRACE}-00f067aa0ba902b7-01`]
    const answer = await postJson(edge, [`Authorization: ${bearer()}`, ...lines], json)
    expect(answer.status).toBe(200)
    expectOurs()
  })

  it('stand in for nothing over HTTP/2, as Connect or as gRPC', async () => {
    const spoofed = Object.fromEntries(SPOOFED.map(([name, value]) => [name.toLowerCase(), value]))
    const headers = { ...spoofed, ':path': GET_RECORD, authorization: bearer(), traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }
    const asJson = await sendHttp2(edge, { ...headers, 'content-type': 'application/json' }, Buffer.from(json))
    expect(asJson.status).toBe(200)
    expectOurs()
    edge.seen.length = 0
    const asGrpc = await sendHttp2(edge, { ...headers, 'content-type': 'application/grpc', te: 'trailers' }, framed(bytes))
    expect(asGrpc.grpcStatus).toBe('0')
    expectOurs()
  })

  it('negative control: the service believes the same header when the gateway sends it', async () => {
    await edge.upstream.raw.unary(GET_RECORD, bytes, { token: edge.token({ tenant }), clientAddress: '203.0.113.9' })
    expect(edge.seen[0]?.clientAddress).toBe('203.0.113.9')
  })
})

describe('metadata at the edge (threats 16)', () => {
  const other = newId('ten')
  const twice: Record<string, () => readonly string[]> = {
    'two credentials of two tenants': () => [`Authorization: ${bearer()}`, `authorization: ${bearer(other)}`],
    'one credential twice': () => {
      const one = bearer()
      return [`Authorization: ${one}`, `AUTHORIZATION: ${one}`]
    },
    'credentials joined by a comma': () => [`Authorization: ${bearer()}, ${bearer(other)}`],
    'two traceparents': () => [`Authorization: ${bearer()}`, 'traceparent: a', 'Traceparent: b'],
  }
  for (const [what, lines] of Object.entries(twice)) {
    it(`is refused and recorded over HTTP/1.1, and no service called: ${what}`, async () => {
      const answer = await postJson(edge, lines(), json)
      expect(answer).toMatchObject({ status: 400, reason: 'INVALID_METADATA' })
      expect(edge.seen).toEqual([])
      expect(edge.records.map(({ reason }) => reason)).toEqual([Reason.INVALID_METADATA])
      edge.records.length = 0
      await sleep(10)
    })

    it(`is refused and recorded over HTTP/2, and no service called: ${what}`, async () => {
      const socket = await dial(edge.port, { ca: edge.ca })
      const headers = lines().map((line) => [line.split(': ', 1)[0]!.toLowerCase(), line.slice(line.indexOf(': ') + 2)] as const)
      sendFrames(socket, GET_RECORD, headers, bytes)
      for (let i = 0; i < 200 && edge.records.length === 0; i++) await sleep(10)
      socket.destroy()
      expect(edge.records.map(({ reason }) => reason)).toEqual([Reason.INVALID_METADATA])
      expect(edge.seen).toEqual([])
    })
  }

  it('with two timeouts is malformed', async () => {
    const answer = await postJson(edge, [`Authorization: ${bearer()}`, 'Connect-Timeout-Ms: 1', 'connect-timeout-ms: 9000'], json)
    expect(answer.status).toBe(400)
    expect(edge.seen).toEqual([])
  })

  const broken: Record<string, readonly string[]> = {
    'a NUL in a value': ['x-note: a\0b'],
    'a line feed alone': ['x-note: a\nx-tenant-id: spoofed'],
    'a folded line': ['x-note: a', ' tenantry-client-address: 203.0.113.9'],
    'a space before the colon': ['tenantry-client-address : 203.0.113.9'],
    'two lengths': ['Content-Length: 0'],
    'a length and chunks': ['Transfer-Encoding: chunked'],
    'an encoding hidden behind another': ['Transfer-Encoding: x, chunked'],
  }
  for (const [what, lines] of Object.entries(broken)) {
    it(`never reaches a call when HTTP itself is broken: ${what}`, async () => {
      // Node answers 400, or from 24 on may cut the connection before the answer is read: either way nobody was asked.
      const status = await postJson(edge, [`Authorization: ${bearer()}`, ...lines], json).then(
        (answer) => answer.status,
        (error: NodeJS.ErrnoException) => error.code,
      )
      expect([400, 'ECONNRESET']).toContain(status)
      expect(edge.seen).toEqual([])
    })
  }

  it('holds one request a request: what follows a body is another, of its own', async () => {
    const one = ['POST ' + GET_RECORD + ' HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', `Content-Length: ${json.length}`]
    const first = [...one, `Authorization: ${bearer()}`, '', json].join('\r\n')
    const second = [...one, 'Connection: close', '', json].join('\r\n')
    const answer = await sendHttp1(edge, first + second)
    // The second brought no token: it has not inherited the first one's.
    expect(answer.text).toMatch(/^HTTP\/1\.1 200[\s\S]*HTTP\/1\.1 401/)
    expect(edge.seen).toHaveLength(1)
  })

  it('negative control: of what Node has joined the second credential is not to be seen', async () => {
    const { cert, key } = edge.mesh.authority.issue({ ttlMs: 60_000 })
    let received: IncomingMessage | undefined
    const server = createServer({ cert, key }, (incoming, response) => {
      received = incoming
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await postJson({ ...edge, port }, [`Authorization: ${bearer()}`, `authorization: ${bearer(other)}`], json)
    server.close()
    expect(passedHeaders(Object.entries(received!.headers).flat() as string[]).problem).toBeUndefined()
    expect(passedHeaders(received!.rawHeaders).problem?.reason).toBe('INVALID_METADATA')
  })
})
