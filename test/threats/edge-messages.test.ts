import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { types } from 'node:util'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { Reason } from '../../proto/gen/tenantry/errors/v1/reason_pb.js'
import { newId } from '../../services/platform/ids.js'
import type { EdgeFixture } from '../../services/gateway/testing.js'
import { GET_RECORD, openEdge } from '../../services/gateway/testing.js'
import { framed, postJson, sendHttp2 } from './edge.js'

const LIMIT = 64 * 1024
const MIB = 1024 * 1024
const tenant = newId('ten')

// Jest gives tests an Error of their own, while zlib throws Node's, of which Connect asks `instanceof Error`: outside of Jest they are one.
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, value: unknown) {
    return this === Error ? types.isNativeError(value) : Function.prototype[Symbol.hasInstance].call(this as () => void, value)
  },
})

let edge: EdgeFixture
let wide: EdgeFixture
beforeAll(async () => {
  edge = await openEdge({ maxMessageBytes: LIMIT, deps: { refusalWindowMs: 60_000 } })
  wide = await openEdge({ maxMessageBytes: 128 * MIB })
})
beforeEach(() => {
  for (const { seen, records } of [edge, wide]) seen.length = records.length = 0
})
afterAll(() => Promise.all([edge.close(), wide.close()]))

const authorization = (of: EdgeFixture) => `Authorization: Bearer ${of.token({ tenant })}`
/** A request whose record id has so many bytes. */
const body = (bytes: number) => JSON.stringify({ tenantId: tenant, collectionId: newId('col'), recordId: 'a'.repeat(bytes) })
const bomb = body(64 * MIB)

const expectRefused = (reason: string): void => {
  expect(reason).toBe('MESSAGE_TOO_LARGE')
  expect(edge.seen).toEqual([])
  expect(edge.records.map((record) => record.reason)).toEqual([Reason.MESSAGE_TOO_LARGE])
}

describe('messages at the edge (threats 41)', () => {
  it('that are too large are refused with a reason and a record, and smaller ones pass', async () => {
    const large = await postJson(edge, [authorization(edge)], body(2 * LIMIT))
    expect(large.status).toBe(429)
    expectRefused(large.reason)
    const small = await postJson(edge, [authorization(edge)], body(20))
    expect(small.status).toBe(200)
    expect(edge.seen).toHaveLength(1)
  })

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const) {
    it(`that are ${encoding} bombs end at the limit, without room for what they would become`, async () => {
      const packed = compress(bomb)
      expect(packed.length).toBeLessThan(LIMIT)
      const before = process.memoryUsage().rss
      for (let i = 0; i < 5; i++) {
        edge.records.length = 0
        const answer = await postJson(edge, [`Content-Encoding: ${encoding}`, authorization(edge)], packed)
        expect(answer.status).toBe(429)
        expectRefused(answer.reason)
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB)
    })
  }

  it('that are bombs in gRPC framing end at the limit too, and a length that lies is no room taken', async () => {
    const headers = {
      ':path': GET_RECORD,
      'content-type': 'application/grpc+json',
      'grpc-encoding': 'gzip',
      te: 'trailers',
      authorization: `Bearer ${edge.token({ tenant })}`,
    }
    const answer = await sendHttp2(edge, headers, framed(gzipSync(bomb), true))
    expect(answer.grpcStatus).toBe('8')
    expect(edge.seen).toEqual([])
    expect(edge.records.map(({ reason }) => reason)).toEqual([Reason.MESSAGE_TOO_LARGE])
    edge.records.length = 0
    const lies = framed(Buffer.from('{}'))
    lies.writeUInt32BE(0xffffffff, 1)
    expect((await sendHttp2(edge, headers, lies)).grpcStatus).toBe('8')
    expect(edge.seen).toEqual([])
  })

  it('negative control: under a larger limit the same bytes are taken for what they are, and refused by the service for a rule', async () => {
    const answer = await postJson(wide, ['Content-Encoding: gzip', authorization(wide)], gzipSync(body(3 * MIB)))
    expect(answer).toMatchObject({ status: 400 })
    expect(answer.reason).not.toBe('MESSAGE_TOO_LARGE')
  })

  it('that are no gzip, or nest without end, are malformed and not internal errors', async () => {
    const noGzip = await postJson(edge, ['Content-Encoding: gzip', authorization(edge)], 'plain')
    expect(noGzip).toMatchObject({ status: 400, reason: 'MALFORMED_MESSAGE' })
    const deep = `{"tenantId":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    const nested = await postJson(edge, [authorization(edge)], deep)
    expect(nested).toMatchObject({ status: 400, reason: 'MALFORMED_MESSAGE' })
    expect(edge.seen).toEqual([])
  })
})
