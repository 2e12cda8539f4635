import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { DescMethod } from '@bufbuild/protobuf'
import { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { openTestData, refusal, testCall, text } from '../testing.js'
import type { TestData } from '../testing.js'

let data: TestData
let tenantId: string
let collectionId: string
beforeAll(async () => {
  data = await openTestData()
  tenantId = await data.tenant('pool')
  collectionId = await data.collection(tenantId, [text('name')])
})
afterAll(() => data.close())

/** Text that means something to a shell, a path, SQL, a log or a terminal; all of it is no name and no id. */
const HOSTILE = [
  '\0',
  'a\0b',
  '../../etc/passwd',
  '..%2f',
  "x' or '1'='1",
  "'; drop table pool.record; --",
  'a\r\nb',
  '\u2028',
  '\u202e',
  '$1',
  '${x}',
  '{{x}}',
]
const IDS = [...HOSTILE, 'ten_', 'TEN_00000000000000000000000000', 'ten_8zzzzzzzzzzzzzzzzzzzzzzzzz', 'x'.repeat(10_000)]
const RECORD_IDS = [...HOSTILE, '-a', 'a-', 'A', 'é', 'a b', 'x'.repeat(64)]
const REQUEST_IDS = [...HOSTILE, 'x', '00000000-0000-0000-0000-00000000000', 'x'.repeat(10_000)]
const ETAGS = ['\0', 'x'.repeat(65)]
const PAGE_SIZES = [-1, 201, 2 ** 31 - 1]
const TOKENS = ['\0', 'x'.repeat(2_049)]
const MISSING = [undefined]

const { createCollection, getCollection, listCollections, updateCollection, deleteCollection } = CollectionService.method
const { createRecord, getRecord, listRecords, updateRecord, deleteRecord, batchWriteRecords, exportRecords, importRecords } =
  RecordService.method
const field = (more: object) => [{ name: 'a', type: 1, ...more }]
const mask = { paths: ['fields'] }
const write = (kind: string, value: object) => [{ write: { case: kind, value } }]

/** Every field of every request: a good request, and what each of its fields must not be. */
const REQUESTS: [DescMethod, Record<string, unknown>, [string, unknown[]][]][] = [
  [
    createCollection,
    { name: 'n', displayName: '', fields: field({}), requestId: '' },
    [
      ['name', [...HOSTILE, '', 'A', '1a', 'é', 'x'.repeat(64)]],
      ['display_name', ['\0', 'a\nb', 'a\u2028b', '\u0007', 'x'.repeat(121)]],
      ['fields', [[], Array.from({ length: 201 }, (_, i) => ({ name: `f${i}`, type: 1 }))]],
      ['fields[0].name', [...HOSTILE, '', '__proto__', 'A', 'x'.repeat(64)].map((name) => field({ name }))],
      ['fields[0].type', [0, 6, 99, -1].map((type) => field({ type }))],
      ['fields[0].classification', [5, 99, -1].map((classification) => field({ classification }))],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [getCollection, { collectionId: 'ok' }, [['collection_id', IDS]]],
  [
    listCollections,
    { pageSize: 0, pageToken: '', filter: '' },
    [
      ['page_size', PAGE_SIZES],
      ['page_token', TOKENS],
      ['filter', ['\0', 'x'.repeat(1_025)]],
    ],
  ],
  [
    updateCollection,
    { collectionId: 'ok', displayName: '', fields: field({}), updateMask: mask, etag: '', requestId: '' },
    [
      ['collection_id', IDS],
      ['display_name', ['\0', 'a\nb', 'x'.repeat(121)]],
      ['fields', [Array.from({ length: 201 }, (_, i) => ({ name: `f${i}`, type: 1 }))]],
      ['fields[0].name', HOSTILE.map((name) => field({ name }))],
      ['update_mask', MISSING],
      ['update_mask', [{ paths: [] }, { paths: ['nome'] }, { paths: ["fields'; --"] }]],
      ['etag', ETAGS],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    deleteCollection,
    { collectionId: 'ok', etag: '', requestId: '' },
    [
      ['collection_id', IDS],
      ['etag', ETAGS],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    createRecord,
    { collectionId: 'ok', recordId: 'r', fields: {}, requestId: '' },
    [
      ['collection_id', IDS],
      ['record_id', RECORD_IDS],
      ['fields', MISSING],
      ['fields.name', [{ name: 7 }, { name: 'a\0b' }, { name: ['x'] }]],
      ['fields.nome', [{ nome: 1 }]],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    getRecord,
    { collectionId: 'ok', recordId: 'r' },
    [
      ['collection_id', IDS],
      ['record_id', ['', ...RECORD_IDS]],
    ],
  ],
  [
    listRecords,
    { collectionId: 'ok', pageSize: 0, pageToken: '', filter: '', orderBy: '' },
    [
      ['collection_id', IDS],
      ['page_size', PAGE_SIZES],
      ['page_token', TOKENS],
      ['filter', ['\0', 'x'.repeat(1_025)]],
      ['order_by', ['\0', 'x'.repeat(129)]],
    ],
  ],
  [
    updateRecord,
    { collectionId: 'ok', recordId: 'r', fields: {}, updateMask: mask, etag: '', requestId: '' },
    [
      ['collection_id', IDS],
      ['record_id', ['', ...RECORD_IDS]],
      ['fields', MISSING],
      ['fields.name', [{ name: 7 }, { name: 'a\0b' }]],
      ['update_mask', MISSING],
      ['update_mask', [{ paths: [] }, { paths: ['owner'] }, { paths: ['fields', 'owner'] }]],
      ['etag', ETAGS],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    deleteRecord,
    { collectionId: 'ok', recordId: 'r', etag: '', requestId: '' },
    [
      ['collection_id', IDS],
      ['record_id', ['', ...RECORD_IDS]],
      ['etag', ETAGS],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    batchWriteRecords,
    { collectionId: 'ok', writes: write('create', { recordId: 'w', fields: {} }), requestId: '' },
    [
      ['collection_id', IDS],
      ['writes', [[], Array.from({ length: 501 }, () => write('delete', { recordId: 'r' })[0])]],
      ['writes[0].write', [[{ write: { case: undefined } }]]],
      ['writes[0].create.record_id', RECORD_IDS.map((recordId) => write('create', { recordId, fields: {} }))],
      ['writes[0].create.fields', [write('create', { recordId: 'w' })]],
      ['writes[0].create.fields.name', [write('create', { recordId: 'w', fields: { name: 1 } })]],
      ['writes[0].update.record_id', ['', ...RECORD_IDS].map((recordId) => write('update', { recordId, fields: {}, updateMask: mask }))],
      [
        'writes[0].update.update_mask',
        [write('update', { recordId: 'r', fields: {} }), write('update', { recordId: 'r', fields: {}, updateMask: {} })],
      ],
      ['writes[0].update.etag', ETAGS.map((etag) => write('update', { recordId: 'r', fields: {}, updateMask: mask, etag }))],
      ['writes[0].delete.record_id', ['', ...RECORD_IDS].map((recordId) => write('delete', { recordId }))],
      ['writes[0].delete.etag', ETAGS.map((etag) => write('delete', { recordId: 'r', etag }))],
      ['request_id', REQUEST_IDS],
    ],
  ],
  [
    exportRecords,
    { collectionId: 'ok', filter: '', afterRecordId: '' },
    [
      ['collection_id', IDS],
      ['filter', ['\0', 'x'.repeat(1_025)]],
      ['after_record_id', RECORD_IDS],
    ],
  ],
  [
    importRecords,
    { collectionId: 'ok', records: [{ recordId: 'i', fields: {} }] },
    [
      ['collection_id', IDS],
      ['records', [Array.from({ length: 501 }, () => ({ fields: {} }))]],
      ['records[0].record_id', RECORD_IDS.map((recordId) => [{ recordId, fields: {} }])],
      ['records[0].fields', [[{ recordId: 'i' }]]],
      ['records[0].fields.name', [[{ recordId: 'i', fields: { name: 1 } }]]],
    ],
  ],
]

const local = (path: string): string => path.split(/[.[]/)[0]!.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())

const send = (method: DescMethod, request: Record<string, unknown>): Promise<unknown> => {
  const call = testCall(method, { tenant: tenantId })
  if (method === importRecords) return data.importing(call, importRecords, [request as never])
  if (method === exportRecords)
    return data
      .exporting(call, exportRecords, request as never)
      [Symbol.asyncIterator]()
      .next()
  return data.callWith(call, method as typeof getRecord, request as never)
}

describe.each(REQUESTS)('bad input of $name', (method, given, fields) => {
  const good = (): Record<string, unknown> => ({ tenantId, ...given, ...('collectionId' in given ? { collectionId } : {}) })
  const counts = () =>
    data.database.query(
      'select (select count(*) from pool.record), (select count(*) from pool.collection), (select count(*) from platform.outbox)',
    )

  it.each([['tenant_id', IDS] as [string, unknown[]], ...fields])('%s', async (path, values) => {
    // What is updated or deleted is there, so that the field alone is what is refused.
    if ('recordId' in given && method !== createRecord)
      await data.call(createRecord, { tenantId, collectionId, recordId: 'r', fields: {} }).catch(() => undefined)
    const before = await counts()
    for (const value of values) {
      const refused = await refusal(send(method, { ...good(), [local(path)]: value }))
      expect(['INVALID_FIELD', 'INVALID_FILTER', 'MALFORMED_MESSAGE']).toContain(refused.reason)
      const named = refused.violations.map((violation) => violation.field)
      expect([path, named.some((name) => name !== '' && (name === path || name.startsWith(`${path}.`) || path.startsWith(name)))]).toEqual([
        path,
        true,
      ])
      expect(refused.violations.every(({ description }) => description.length < 200)).toBe(true)
      if (typeof value === 'string' && value.length > 4)
        expect(JSON.stringify([refused.message, refused.violations])).not.toContain(JSON.stringify(value).slice(1, -1))
    }
    expect(await counts()).toEqual(before)
  })

  it('has every field of the request in this table', () => {
    const named = new Set(['tenant_id', ...fields.map(([path]) => path.split(/[.[]/)[0]!)])
    const unlisted = method.input.fields.map(({ name }) => name).filter((name) => !named.has(name))
    // A boolean has no bad value.
    expect(unlisted).toEqual(method === importRecords ? ['skip_existing'] : [])
  })
})

it('has every method of the two services in the table', () => {
  const methods = [...CollectionService.methods, ...RecordService.methods]
  expect(new Set(REQUESTS.map(([method]) => method))).toEqual(new Set(methods))
})
