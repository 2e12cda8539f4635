import { afterEach, describe, expect, it } from '@jest/globals'
import { create, toJsonString } from '@bufbuild/protobuf'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, get, request } from 'node:https'
import { connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetRecordRequestSchema } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { Reason } from '../../proto/gen/tenantry/errors/v1/reason_pb.js'
import { Outcome } from '../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { newId, PLATFORM_TENANT } from '../platform/ids.js'
import type { EdgeFixture } from './testing.js'
import { GET_RECORD, openEdge } from './testing.js'

const tenant = newId('ten')
const body = toJsonString(
  GetRecordRequestSchema,
  create(GetRecordRequestSchema, { tenantId: tenant, collectionId: newId('col'), recordId: 'one' }),
)

let edge: EdgeFixture
afterEach(() => edge.close())

describe('close()', () => {
  it('lets an HTTP/2 call under way end, and takes no new one', async () => {
    let arrived = (): void => undefined
    const under = new Promise<void>((resolve) => (arrived = resolve))
    let finish = (): void => undefined
    edge = await openEdge({
      getRecord: () => {
        arrived()
        return new Promise((resolve) => (finish = () => resolve({ record: { recordId: 'one' } })))
      },
    })
    const session = connect(`https://localhost:${edge.port}`, { ca: edge.ca })
    session.on('error', () => undefined)
    const headers = { ':path': GET_RECORD, 'content-type': 'application/json', authorization: `Bearer ${edge.token({ tenant })}` }
    const stream = session.request({ ':method': 'POST', ...headers })
    stream.on('error', () => undefined)
    const answered = once(stream, 'response') as Promise<[{ ':status'?: number }]>
    stream.end(body)
    await under
    const closed = edge.closeGateway(5_000)
    await sleep(50)
    finish()
    const [response] = await answered
    expect(response[':status']).toBe(200)
    stream.resume()
    await closed
    session.destroy()
    const again = connect(`https://localhost:${edge.port}`, { ca: edge.ca })
    const [error] = (await once(again, 'error')) as [{ code: string }]
    expect(error.code).toBe('ECONNREFUSED')
  })

  it('lets an HTTP/1.1 call under way end, and does not wait for a client that keeps its connection', async () => {
    let arrived = (): void => undefined
    const under = new Promise<void>((resolve) => (arrived = resolve))
    let finish = (): void => undefined
    edge = await openEdge({
      getRecord: () => {
        arrived()
        return new Promise((resolve) => (finish = () => resolve({})))
      },
    })
    const agent = new Agent({ keepAlive: true, ca: edge.ca })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${edge.token({ tenant })}` }
    const sent = request({ port: edge.port, path: GET_RECORD, method: 'POST', servername: 'localhost', headers, agent })
    sent.end(body)
    await under
    const began = performance.now()
    const closed = edge.closeGateway(20_000)
    finish()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(200)
    await closed
    expect(performance.now() - began).toBeLessThan(10_000)
    agent.destroy()
  })
})

describe('a token at the edge', () => {
  const post = async (authorization: string): Promise<{ status: number; text: string }> => {
    const headers = { 'content-type': 'application/json', authorization }
    const sent = request({ port: edge.port, path: GET_RECORD, method: 'POST', ca: edge.ca, servername: 'localhost', headers })
    sent.end(body)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return { status: response.statusCode ?? 0, text }
  }

  it('that is bound to a certificate is refused, in the log of its tenant; negative control: without the binding it passes', async () => {
    edge = await openEdge()
    const cnf = { 'x5t#S256': 'a'.repeat(43) }
    const bound = await post(`Bearer ${edge.token({ tenant, cnf })}`)
    expect(bound.status).toBe(401)
    expect(bound.text).toContain('BOUND_TOKEN_AT_EDGE')
    expect(edge.seen).toEqual([])
    expect(edge.records).toMatchObject([{ tenantId: tenant, outcome: Outcome.DENIED, reason: Reason.BOUND_TOKEN_AT_EDGE }])
    expect((await post(`Bearer ${edge.token({ tenant })}`)).status).toBe(200)
    expect(edge.seen).toHaveLength(1)
  })

  it("that is not valid is refused before any service is called, in the platform's log", async () => {
    edge = await openEdge()
    for (const token of ['x', edge.token({ tenant, aud: 'another' }), `${edge.token({ tenant }).slice(0, -4)}AAAA`]) {
      const { status, text } = await post(`Bearer ${token}`)
      expect(status).toBe(401)
      expect(text).toContain('TOKEN_INVALID')
    }
    expect(edge.seen).toEqual([])
    // The first of its kind has a record of its own; those that follow are counted.
    expect(edge.records).toMatchObject([{ tenantId: PLATFORM_TENANT, reason: Reason.TOKEN_INVALID }])
  })
})

describe('/.well-known/jwks.json', () => {
  const status = async (): Promise<number> => {
    const [response] = (await once(
      get({ port: edge.port, path: '/.well-known/jwks.json', ca: edge.ca, servername: 'localhost' }),
      'response',
    )) as [{ statusCode: number; resume(): void }]
    response.resume()
    return response.statusCode
  }

  it('asks the issuer once for all who come within a few seconds, and again after a failure', async () => {
    let asked = 0
    let away = true
    edge = await openEdge({
      deps: { jwks: () => (asked++, away ? Promise.reject(new Error('away')) : Promise.resolve('{"keys":[]}')) },
    })
    expect(await status()).toBe(503)
    away = false
    expect(await Promise.all(Array.from({ length: 20 }, status))).toEqual(Array<number>(20).fill(200))
    expect(asked).toBe(2)
  })
})
