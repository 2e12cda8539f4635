import type { JsonObject } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Classification, CollectionService, FieldType } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { ExportRecordsResponse } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import { number, openTestData, refusal, testCall, text } from '../testing.js'
import type { CallOptions, TestData } from '../testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { createRecord, deleteRecord, listRecords, exportRecords, batchWriteRecords } = RecordService.method
const INVOICES: (JsonObject & { n: number })[] = [
  { n: 1, city: 'Stuttgart', total: 1.98, at: '2021-01-01T00:00:00Z', paid: true },
  { n: 2, city: 'Oslo', total: 3.96, at: '2021-01-02T00:00:00+09:00', paid: false },
  { n: 3, city: 'Bruxelles', total: 5.94, at: '2021-01-02T00:00:00Z' },
  { n: 4, city: 'Edmonton', total: 8.91, at: '2021-01-06T00:00:00Z', paid: true, secret: 'x' },
  { n: 5, city: 'Århus', total: 13.86, paid: true },
  { n: 6, total: 0.99, at: '2021-01-19T00:00:00Z' },
]

describe.each(['pool', 'schema'] as const)('lists of a tenant in placement %s', (placement) => {
  let tenantId: string
  let collectionId: string
  beforeAll(async () => {
    tenantId = await data.tenant(placement)
    collectionId = await data.collection(tenantId, [
      text('city'),
      number('total'),
      { name: 'at', type: FieldType.TIMESTAMP },
      { name: 'paid', type: FieldType.BOOLEAN },
      { name: 'secret', type: FieldType.JSON, classification: Classification.RESTRICTED },
    ])
    // The same names of other types beside them, which no cast may ever meet.
    const trap = await data.collection(tenantId, [text('total'), text('at'), text('paid'), number('city')])
    await data.call(createRecord, { tenantId, collectionId: trap, fields: { total: 'many', at: 'never', paid: 'no', city: 1 } })
    for (const { n, ...fields } of INVOICES)
      await data.call(
        createRecord,
        { tenantId, collectionId, recordId: `i${n}`, fields },
        { subject: n % 2 === 0 ? 'usr_even' : 'usr_odd' },
      )
  })

  const list = async (
    more: { filter?: string; orderBy?: string; pageSize?: number; pageToken?: string } = {},
    options: Partial<CallOptions> = {},
  ) => {
    const { records, nextPageToken } = await data.call(listRecords, { tenantId, collectionId, ...more }, options)
    return { ids: records.map(({ recordId }) => recordId).join(' '), nextPageToken, records }
  }

  it.each([
    ['', 'i1 i2 i3 i4 i5 i6'],
    ['fields.total > 5', 'i3 i4 i5'],
    ['fields.total = 3.96', 'i2'],
    ['fields.city = "Oslo" OR fields.city = "Århus"', 'i2 i5'],
    ['fields.city:"o"', 'i2 i4'],
    ['NOT fields.city:*', 'i6'],
    ['fields.city != "Oslo"', 'i1 i3 i4 i5 i6'],
    ['fields.paid = true', 'i1 i4 i5'],
    ['fields.paid != true', 'i2 i3 i6'],
    ['fields.at < "2021-01-02T00:00:00Z"', 'i1 i2'],
    ['fields.at >= "2021-01-02T01:00:00+01:00" AND fields.total < 6', 'i3 i6'],
    ['owner = usr_even', 'i2 i4 i6'],
    ['record_id > i4', 'i5 i6'],
    ['create_time > "2020-01-01T00:00:00Z" AND update_time < "2020-01-01T00:00:00Z"', ''],
    [`fields.city = "x' or '1'='1"`, ''],
    ['-(fields.total > 5 OR record_id = i1)', 'i2 i6'],
  ])('filters by %s', async (filter, ids) => {
    expect((await list({ filter })).ids).toBe(ids)
  })

  it.each([
    'fields.secret = 1',
    'fields.nome = 1',
    'nome = 1',
    'fields.total = "1',
    'fields.total > "x"',
    'tenant_id = x',
    'classification = 1',
    'clear = 1',
    '1=1; drop table record',
    '(((',
    'fields.total',
  ])('refuses the filter %s', async (filter) => {
    expect((await refusal(list({ filter }))).reason).toBe('INVALID_FILTER')
  })

  it.each([
    ['record_id desc', 'i6 i5 i4 i3 i2 i1'],
    ['fields.total', 'i6 i1 i2 i3 i4 i5'],
    ['fields.total desc', 'i5 i4 i3 i2 i1 i6'],
    ['fields.city', 'i3 i4 i2 i1 i5 i6'],
    ['fields.city desc', 'i5 i1 i2 i4 i3 i6'],
    ['fields.at', 'i1 i2 i3 i4 i6 i5'],
    ['fields.paid desc', 'i5 i4 i1 i2 i6 i3'],
    ['create_time', 'i1 i2 i3 i4 i5 i6'],
    ['owner', 'i2 i4 i6 i1 i3 i5'],
  ])('orders by %s, on one page and over many', async (orderBy, ids) => {
    expect((await list({ orderBy })).ids).toBe(ids)
    for (const pageSize of [1, 2, 5]) {
      const pages: string[] = []
      let pageToken = ''
      do {
        const page = await list({ orderBy, pageSize, pageToken })
        pages.push(page.ids)
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      expect(pages.join(' ')).toBe(ids)
    }
  })

  it.each(['nome', 'fields.secret', 'fields.total up', 'fields.total, owner', 'record_id; drop table record', "fields.total'"])(
    'refuses the order %s',
    async (orderBy) => {
      expect((await refusal(list({ orderBy }))).reason).toBe('INVALID_ORDER')
    },
  )

  it('takes a page token for the same list of the same subject only', async () => {
    const { nextPageToken: pageToken } = await list({ pageSize: 2, filter: 'fields.total > 1' })
    expect((await list({ pageSize: 4, filter: 'fields.total > 1', pageToken })).ids).toBe('i3 i4 i5')
    const other = await data.tenant(placement)
    const refusals = await Promise.all([
      refusal(list({ pageToken })),
      refusal(list({ pageToken, filter: 'fields.total > 1', orderBy: 'record_id' })),
      refusal(list({ pageToken, filter: 'fields.total > 1' }, { subject: 'usr_other' })),
      refusal(
        data.call(listRecords, {
          tenantId: other,
          collectionId: await data.collection(other, [number('total')]),
          filter: 'fields.total > 1',
          pageToken,
        }),
      ),
      refusal(list({ pageToken: `${pageToken.slice(0, -2)}AA`, filter: 'fields.total > 1' })),
      refusal(list({ pageToken: 'x' })),
      refusal(list({ pageToken: 'é' })),
    ])
    expect(new Set(refusals.map(({ reason }) => reason))).toEqual(new Set(['INVALID_PAGE_TOKEN']))
  })

  it('goes on with a page although its last record has gone, and not once the collection is another', async () => {
    const mine = await data.collection(tenantId, [text('a')])
    for (const recordId of ['r1', 'r2', 'r3']) await data.call(createRecord, { tenantId, collectionId: mine, recordId, fields: {} })
    const first = await data.call(listRecords, { tenantId, collectionId: mine, pageSize: 2 })
    await data.call(deleteRecord, { tenantId, collectionId: mine, recordId: 'r2' })
    const next = { tenantId, collectionId: mine, pageSize: 2, pageToken: first.nextPageToken }
    expect((await data.call(listRecords, next)).records.map(({ recordId }) => recordId)).toEqual(['r3'])
    await data.call(CollectionService.method.updateCollection, {
      tenantId,
      collectionId: mine,
      displayName: 'x',
      updateMask: { paths: ['display_name'] },
    })
    expect((await refusal(data.call(listRecords, next))).reason).toBe('INVALID_PAGE_TOKEN')
  })

  it('shows only what the decision lets be seen', async () => {
    expect((await list({}, { obligations: { rowFilter: { owner: 'usr_even' } } })).ids).toBe('i2 i4 i6')
    expect((await list({}, { obligations: { maxClassification: 'internal' } })).ids).toBe('i1 i2 i3 i5 i6')
    expect((await list({}, { obligations: { maxClassification: 'what-is-this' } })).ids).toBe('')
    const masked = { obligations: { maskFields: ['total'] } }
    expect((await list({}, masked)).records.every(({ fields }) => !('total' in fields!))).toBe(true)
    expect((await refusal(list({ filter: 'fields.total > 1' }, masked))).reason).toBe('INVALID_FILTER')
    expect((await refusal(list({ orderBy: 'fields.total' }, masked))).reason).toBe('INVALID_ORDER')
  })

  it('orders long strings by their beginning, over pages', async () => {
    const mine = await data.collection(tenantId, [text('a')])
    const long = '\u0001\u{1F989}"'.repeat(400)
    for (const recordId of ['r3', 'r1', 'r2'])
      await data.call(createRecord, { tenantId, collectionId: mine, recordId, fields: { a: long + recordId } })
    let pageToken = ''
    const ids: string[] = []
    do {
      const page = await data.call(listRecords, { tenantId, collectionId: mine, orderBy: 'fields.a', pageSize: 1, pageToken })
      ids.push(...page.records.map(({ recordId }) => recordId))
      pageToken = page.nextPageToken
      expect(pageToken.length).toBeLessThanOrEqual(2048)
    } while (pageToken !== '')
    expect(ids).toEqual(['r1', 'r2', 'r3'])
  })

  it('ends a page where its bytes end, and the next goes on there', async () => {
    const mine = await data.collection(tenantId, [text('a'), text('b'), text('c')])
    const big = 'x'.repeat(65_000)
    const writes = Array.from({ length: 30 }, (_, i) => ({
      write: { case: 'create' as const, value: { recordId: `r${10 + i}`, fields: { a: big, b: big, c: big } } },
    }))
    for (let i = 0; i < 30; i += 10) await data.call(batchWriteRecords, { tenantId, collectionId: mine, writes: writes.slice(i, i + 10) })
    const first = await data.call(listRecords, { tenantId, collectionId: mine, pageSize: 200 })
    expect(first.records).toHaveLength(10)
    const second = await data.call(listRecords, { tenantId, collectionId: mine, pageSize: 200, pageToken: first.nextPageToken })
    expect(second.records[0]!.recordId).toBe('r20')
    const pages: ExportRecordsResponse[] = []
    for await (const page of data.exporting(testCall(exportRecords, { tenant: tenantId }), exportRecords, { tenantId, collectionId: mine }))
      pages.push(page)
    expect(pages.map(({ records }) => records.length)).toEqual([10, 10, 10])
  })

  describe('exportRecords()', () => {
    const exported = async (more: { filter?: string; afterRecordId?: string } = {}, options: Partial<CallOptions> = {}) => {
      const ids: string[] = []
      const call = testCall(exportRecords, { tenant: tenantId, ...options })
      for await (const { records } of data.exporting(call, exportRecords, { tenantId, collectionId, ...more }))
        ids.push(...records.map(({ recordId }) => recordId))
      return ids.join(' ')
    }

    it('gives every record that may be seen, from a record on', async () => {
      expect(await exported()).toBe('i1 i2 i3 i4 i5 i6')
      expect(await exported({ afterRecordId: 'i4', filter: 'fields.total > 1' })).toBe('i5')
      expect(await exported({}, { obligations: { rowFilter: { owner: 'usr_odd' }, maxClassification: 'internal' } })).toBe('i1 i3 i5')
    })

    it('refuses a bad filter and an absent collection', async () => {
      expect((await refusal(exported({ filter: 'nome = 1' }))).reason).toBe('INVALID_FILTER')
      const call = testCall(exportRecords, { tenant: tenantId })
      const absent = data
        .exporting(call, exportRecords, { tenantId, collectionId: newId('col') })
        [Symbol.asyncIterator]()
        .next()
      expect((await refusal(absent)).reason).toBe('NOT_FOUND')
    })

    it('reads a page only once the one before was taken', async () => {
      const pages = data
        .exporting(testCall(exportRecords, { tenant: tenantId }), exportRecords, { tenantId, collectionId })
        [Symbol.asyncIterator]()
      await pages.next()
      expect(data.database.db.size().busy).toBe(0)
      await pages.return?.()
    })
  })

  it('refuses a page size out of range', async () => {
    for (const pageSize of [-1, 201, -(2 ** 31)]) expect((await refusal(list({ pageSize }))).violations[0]!.field).toBe('page_size')
  })
})
