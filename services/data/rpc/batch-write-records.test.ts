import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import { Classification } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { BatchWriteSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import { AppError } from '../../platform/mesh/errors.js'
import { number, openTestData, refusal, testCall, text } from '../testing.js'
import type { CallOptions, TestData } from '../testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { batchWriteRecords, createRecord, listRecords, deleteRecord } = RecordService.method
type Write = MessageInitShape<typeof BatchWriteSchema>
const create = (recordId: string, fields: JsonObject): Write => ({ write: { case: 'create', value: { recordId, fields } } })
const update = (recordId: string, fields: JsonObject, paths: string[], etag = ''): Write => ({
  write: { case: 'update', value: { recordId, fields, updateMask: { paths }, etag } },
})
const remove = (recordId: string, etag = ''): Write => ({ write: { case: 'delete', value: { recordId, etag } } })

describe.each(['pool', 'schema'] as const)('batchWriteRecords() of a tenant in placement %s', (placement) => {
  let tenantId: string
  let collectionId: string
  beforeAll(async () => {
    tenantId = await data.tenant(placement)
  })
  const fresh = async (...ids: string[]): Promise<void> => {
    collectionId = await data.collection(tenantId, [
      text('name', { required: true }),
      number('total'),
      text('secret', { classification: Classification.RESTRICTED }),
    ])
    for (const recordId of ids) await data.call(createRecord, { tenantId, collectionId, recordId, fields: { name: recordId } })
  }
  const batch = (writes: Write[], more: { requestId?: string } = {}, options: Partial<CallOptions> = {}) =>
    data.call(batchWriteRecords, { tenantId, collectionId, writes, ...more }, options)
  const stored = async () =>
    Object.fromEntries(
      (await data.call(listRecords, { tenantId, collectionId })).records.map(({ recordId, fields, version }) => [
        recordId,
        [version, fields],
      ]),
    )
  const eventsOf = (id: string) =>
    data.database.query<{ type: string; version: bigint }>(
      'select type, version from platform.outbox where tenant_id = $1 and subject like $2 order by ordinal',
      [tenantId, `%/${collectionId}/records/${id}`],
    )

  it('creates, updates and deletes in one transaction, with an event for each, and answers in order', async () => {
    await fresh('a', 'b', 'c')
    const call = testCall(batchWriteRecords, { tenant: tenantId })
    const writes = [remove('c'), create('d', { name: 'D' }), update('a', { total: 1 }, ['fields.total']), create('', { name: 'made' })]
    const { results } = await data.callWith(call, batchWriteRecords, { tenantId, collectionId, writes })
    expect(results.map(({ recordId, etag, version }) => [recordId, etag, version])).toEqual([
      ['c', '', 2n],
      ['d', 'v1', 1n],
      ['a', 'v2', 2n],
      [expect.stringMatching(/^rec_/), 'v1', 1n],
    ])
    expect(await stored()).toMatchObject({ a: [2n, { name: 'a', total: 1 }], b: [1n, {}], d: [1n, { name: 'D' }] })
    const emitted = await data.database.query<{ id: string; version: bigint }>(
      'select id, version from platform.outbox where tenant_id = $1 and decision_id = $2 order by ordinal',
      [tenantId, Buffer.from(call.decisionId)],
    )
    expect(emitted.map(({ id }) => id)).toEqual(call.events)
    expect(emitted.map(({ version }) => version)).toEqual([2n, 1n, 2n, 1n])
  })

  it.each<[string, Write[], string]>([
    ['a taken id', [update('a', { name: 'x' }, ['fields']), create('b', { name: 'x' })], 'ALREADY_EXISTS'],
    ['an absent record', [create('n', { name: 'x' }), update('never', { name: 'x' }, ['fields'])], 'NOT_FOUND'],
    ['an absent record to delete', [create('n', { name: 'x' }), remove('never')], 'NOT_FOUND'],
    ['a stale etag', [create('n', { name: 'x' }), update('a', { name: 'x' }, ['fields'], 'v9')], 'ETAG_MISMATCH'],
    ['a stale etag of a delete', [create('n', { name: 'x' }), remove('b', 'v9')], 'ETAG_MISMATCH'],
    ['a bad value', [create('n', { name: 'x' }), create('m', { name: 7 })], 'INVALID_FIELD'],
  ])('writes nothing for %s', async (_, writes, reason) => {
    await fresh('a', 'b')
    const before = await stored()
    const call = testCall(batchWriteRecords, { tenant: tenantId })
    expect((await refusal(data.callWith(call, batchWriteRecords, { tenantId, collectionId, writes }))).reason).toBe(reason)
    expect(await stored()).toEqual(before)
    expect(call.events).toEqual([])
    expect(await eventsOf('n')).toEqual([])
  })

  it('names the write and the field that is wrong, and an id that is there twice', async () => {
    await fresh('a')
    const bad = await refusal(batch([create('n', { name: 7, nome: 1 }), update('a', { total: 'x' }, ['fields.total', 'owner'])]))
    expect(bad.violations.map(({ field }) => field)).toEqual([
      'writes[0].create.fields.nome',
      'writes[0].create.fields.name',
      'writes[1].update.fields.total',
      'writes[1].update.update_mask',
    ])
    const twice = await refusal(batch([create('n', { name: 'x' }), remove('n')]))
    expect(twice.violations.map(({ field }) => field)).toEqual(['writes[1].delete.record_id'])
  })

  it('decides once for rows that are alike, and writes nothing when one answer is no', async () => {
    await fresh('a', 'b', 'c')
    const call = testCall(batchWriteRecords, { tenant: tenantId })
    const writes = [remove('a'), update('b', { total: 1 }, ['fields.total']), create('s', { name: 'x', secret: 'y' })]
    await data.callWith(call, batchWriteRecords, { tenantId, collectionId, writes })
    expect(call.rows).toEqual([
      { owner: 'usr_tester', classification: 'internal' },
      { owner: 'usr_tester', classification: 'restricted' },
    ])
    const decideRow = ({ classification }: { classification?: string }) => {
      if (classification === 'restricted') throw new AppError('CLASSIFICATION_TOO_HIGH', 'no')
      return undefined
    }
    const before = await stored()
    expect((await refusal(batch([remove('b'), remove('s')], {}, { decideRow }))).reason).toBe('CLASSIFICATION_TOO_HIGH')
    expect((await refusal(batch([remove('b'), update('c', { secret: 'z' }, ['fields.secret'])], {}, { decideRow }))).reason).toBe(
      'CLASSIFICATION_TOO_HIGH',
    )
    expect(await stored()).toEqual(before)
  })

  it('counts on from tombstones', async () => {
    await fresh('a')
    await data.call(deleteRecord, { tenantId, collectionId, recordId: 'a' })
    expect((await batch([create('a', { name: 'again' })])).results[0]!.version).toBe(3n)
  })

  it('answers a repeated request as the first time', async () => {
    await fresh('a', 'b')
    const requestId = crypto.randomUUID()
    const writes = [create('', { name: 'x' }), remove('a'), update('b', { total: 1 }, ['fields.total']), create('', { name: 'y' })]
    const first = await batch(writes, { requestId })
    await batch([update('b', { total: 2 }, ['fields.total'])])
    expect(await batch(writes, { requestId })).toEqual(first)
    expect((await refusal(batch(writes.slice(1), { requestId }))).reason).toBe('REQUEST_ID_REUSED')
    expect(Object.keys(await stored())).toHaveLength(3)
  })

  it('takes 500 writes at once, and batches over the same records in any order do not block each other', async () => {
    await fresh()
    const ids = Array.from({ length: 500 }, (_, i) => `r${i}`)
    const { results } = await batch(ids.map((id) => create(id, { name: id })))
    expect(results.map(({ recordId }) => recordId)).toEqual(ids)
    const some = ids.slice(0, 40)
    const updates = (order: string[]) => order.map((id) => update(id, { total: 1 }, ['fields.total']))
    await Promise.all([batch(updates(some)), batch(updates([...some].reverse())), batch(updates(some))])
    const changed = `select record_id from ${data.schema(tenantId)}.record where collection_id = $1 and version = 4`
    expect(await data.database.query(changed, [collectionId])).toHaveLength(40)
    expect((await refusal(batch([...ids, 'one-more'].map((id) => create(id, { name: id }))))).violations[0]!.field).toBe('writes')
  })

  it('does not tell an absent collection from a foreign one', async () => {
    const other = await data.tenant(placement)
    const foreign = await data.collection(other, [text('name')])
    const of = (id: string) => refusal(data.call(batchWriteRecords, { tenantId, collectionId: id, writes: [create('n', { name: 'x' })] }))
    const [one, two] = [await of(foreign), await of(newId('col'))]
    expect(one).toEqual(two)
    expect(one.reason).toBe('NOT_FOUND')
  })
})
