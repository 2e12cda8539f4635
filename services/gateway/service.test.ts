import { afterEach, describe, expect, it } from '@jest/globals'
import { create, toJsonString } from '@bufbuild/protobuf'
import { once } from 'node:events'
import { get } from 'node:https'
import { connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetRecordRequestSchema } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../platform/ids.js'
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
