import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Classification, CollectionService, FieldType } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import { number, openTestData, refusal, testCall, text } from '../testing.js'
import type { TestData } from '../testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { createCollection, getCollection, listCollections, updateCollection, deleteCollection } = CollectionService.method
const { createRecord, deleteRecord, updateRecord, listRecords } = RecordService.method
const uuid = () => crypto.randomUUID()

describe.each(['pool', 'schema'] as const)('collections of a tenant in placement %s', (placement) => {
  let tenantId: string
  beforeAll(async () => {
    tenantId = await data.tenant(placement)
  })
  const make = async (name: string, more: { fields?: ReturnType<typeof text>[]; displayName?: string; requestId?: string } = {}) =>
    (await data.call(createCollection, { tenantId, name, fields: [text('a')], ...more })).collection!
  const get = async (collectionId: string) => (await data.call(getCollection, { tenantId, collectionId })).collection!
  const events = (collectionId: string) =>
    data.database.query<{ type: string; version: bigint; changed_fields: string[] }>(
      'select type, version, changed_fields from platform.outbox where tenant_id = $1 and subject = $2 order by version',
      [tenantId, `tenants/${tenantId}/collections/${collectionId}`],
    )

  describe('createCollection()', () => {
    it('makes one, whose name is unique in the tenant', async () => {
      const made = await make('customers', { displayName: 'Kunden 🦉', fields: [text('a', { required: true }), number('b')] })
      expect(made).toMatchObject({ tenantId, name: 'customers', displayName: 'Kunden 🦉', etag: 'v1' })
      expect(made.fields.map(({ name, type, required, classification }) => [name, type, required, classification])).toEqual([
        ['a', FieldType.STRING, true, Classification.INTERNAL],
        ['b', FieldType.NUMBER, false, Classification.INTERNAL],
      ])
      expect(await get(made.collectionId)).toEqual(made)
      expect((await refusal(make('customers'))).reason).toBe('ALREADY_EXISTS')
      const other = await data.tenant(placement)
      expect((await data.call(createCollection, { tenantId: other, name: 'customers', fields: [text('a')] })).collection!.name).toBe(
        'customers',
      )
      expect(await events(made.collectionId)).toEqual([
        { type: 'tenantry.data.collection.created.v1', version: 1n, changed_fields: ['name', 'display_name', 'fields'] },
      ])
    })

    it('answers a repeated request as the first time, also one too large to be kept', async () => {
      const requestId = uuid()
      const first = await make('once', { requestId })
      expect(await make('once', { requestId })).toEqual(first)
      expect((await refusal(make('twice', { requestId }))).reason).toBe('REQUEST_ID_REUSED')
      const wide = { fields: Array.from({ length: 200 }, (_, i) => text(`field_${i}`)), requestId: uuid() }
      expect(await make('wide', wide)).toEqual(await make('wide', wide))
    })

    it('refuses a field that is there twice', async () => {
      expect((await refusal(make('double', { fields: [text('a'), text('a')] }))).violations[0]!.field).toBe('fields[1].name')
    })
  })

  it("answers for another tenant's collection and an absent one alike", async () => {
    const other = await data.tenant(placement)
    const theirs = await data.collection(other, [text('a')])
    const masks = { displayName: 'x', updateMask: { paths: ['display_name'] } }
    for (const of of [
      (collectionId: string) => data.call(getCollection, { tenantId, collectionId }),
      (collectionId: string) => data.call(updateCollection, { tenantId, collectionId, ...masks }),
      (collectionId: string) => data.call(deleteCollection, { tenantId, collectionId }),
      (collectionId: string) => data.call(createRecord, { tenantId, collectionId, fields: {} }),
      (collectionId: string) => data.call(listRecords, { tenantId, collectionId }),
    ]) {
      const [foreign, absent] = [await refusal(of(theirs)), await refusal(of(newId('col')))]
      expect(foreign).toEqual(absent)
      expect(foreign.reason).toBe('NOT_FOUND')
    }
  })

  it('lists in the order of names, filtered, in pages of the same list', async () => {
    const own = await data.tenant(placement)
    for (const name of ['delta', 'alpha', 'charlie', 'bravo']) await data.collection(own, [text('a')], name)
    const list = async (more: { filter?: string; pageSize?: number; pageToken?: string } = {}) => {
      const { collections, nextPageToken } = await data.call(listCollections, { tenantId: own, ...more })
      return { names: collections.map(({ name }) => name).join(' '), nextPageToken }
    }
    expect((await list()).names).toBe('alpha bravo charlie delta')
    expect((await list({ filter: 'name:"l"' })).names).toBe('alpha charlie delta')
    const first = await list({ pageSize: 3 })
    expect(first.names).toBe('alpha bravo charlie')
    expect(await list({ pageSize: 3, pageToken: first.nextPageToken })).toEqual({ names: 'delta', nextPageToken: '' })
    expect((await refusal(list({ filter: 'name = x', pageToken: first.nextPageToken }))).reason).toBe('INVALID_PAGE_TOKEN')
    expect((await refusal(list({ filter: 'fields = x' }))).reason).toBe('INVALID_FILTER')
    expect((await refusal(data.call(listCollections, { tenantId, pageToken: first.nextPageToken }))).reason).toBe('INVALID_PAGE_TOKEN')
  })

  describe('updateCollection()', () => {
    it('changes what the mask names', async () => {
      const made = await make('to-update', { fields: [text('a', { required: true })] })
      const { collectionId } = made
      const named = await data.call(updateCollection, {
        tenantId,
        collectionId,
        displayName: 'New',
        updateMask: { paths: ['display_name'] },
      })
      expect(named.collection).toMatchObject({ displayName: 'New', fields: made.fields, etag: 'v2', createTime: made.createTime })
      const fields = [text('a'), number('b')]
      await data.call(updateCollection, { tenantId, collectionId, fields, etag: 'v2', updateMask: { paths: ['fields'] } })
      expect((await get(collectionId)).fields.map(({ name, required }) => [name, required])).toEqual([
        ['a', false],
        ['b', false],
      ])
      expect((await events(collectionId)).map(({ version, changed_fields }) => [version, changed_fields])).toEqual([
        [1n, ['name', 'display_name', 'fields']],
        [2n, ['display_name']],
        [3n, ['fields.a', 'fields.b']],
      ])
    })

    it('refuses what older records could not bear, bad masks and stale etags, with nothing changed', async () => {
      const { collectionId } = await make('to-refuse', { fields: [text('a', { required: true }), text('b')] })
      const update = (more: object) => refusal(data.call(updateCollection, { tenantId, collectionId, ...more }))
      const fields = (...list: ReturnType<typeof text>[]) => ({ fields: list, updateMask: { paths: ['fields'] } })
      expect((await update(fields(number('a'), text('b')))).reason).toBe('IMMUTABLE')
      expect((await update(fields(text('a')))).reason).toBe('IMMUTABLE')
      expect((await update(fields(text('a'), text('b', { required: true })))).reason).toBe('IMMUTABLE')
      expect((await update(fields(text('a'), text('b'), text('c', { required: true })))).reason).toBe('INVALID_FIELD')
      for (const paths of [[], ['name'], ['fields', 'tenant_id'], ['fields.a']])
        expect((await update({ updateMask: { paths } })).violations[0]!.field).toBe('update_mask')
      expect((await update({ displayName: 'x', etag: 'v2', updateMask: { paths: ['display_name'] } })).reason).toBe('ETAG_MISMATCH')
      expect((await get(collectionId)).etag).toBe('v1')
    })

    it('loses none of many updates at once, and answers a repeated one as the first time', async () => {
      const { collectionId } = await make('many')
      const names = Array.from({ length: 4 }, (_, i) => `name ${i}`)
      await Promise.all(
        names.map((displayName) =>
          data.call(updateCollection, { tenantId, collectionId, displayName, updateMask: { paths: ['display_name'] } }),
        ),
      )
      expect((await get(collectionId)).etag).toBe('v5')
      const request = { tenantId, collectionId, displayName: 'last', updateMask: { paths: ['display_name'] }, requestId: uuid() }
      const first = await data.call(updateCollection, request)
      expect(await data.call(updateCollection, request)).toEqual(first)
    })
  })

  describe('deleteCollection()', () => {
    it('deletes an empty one only, and leaves a tombstone', async () => {
      const { collectionId } = await make('to-delete')
      await data.call(createRecord, { tenantId, collectionId, recordId: 'r', fields: {} })
      expect((await refusal(data.call(deleteCollection, { tenantId, collectionId }))).reason).toBe('IN_USE')
      await data.call(deleteRecord, { tenantId, collectionId, recordId: 'r' })
      expect((await refusal(data.call(deleteCollection, { tenantId, collectionId, etag: 'v2' }))).reason).toBe('ETAG_MISMATCH')
      const request = { tenantId, collectionId, requestId: uuid() }
      await data.call(deleteCollection, request)
      await data.call(deleteCollection, request)
      expect((await refusal(get(collectionId))).reason).toBe('NOT_FOUND')
      expect(
        await data.database.query(`select record_id, version from ${data.schema(tenantId)}.tombstone where collection_id = $1`, [
          collectionId,
        ]),
      ).toEqual([{ record_id: '', version: 2n }])
      expect((await events(collectionId)).map(({ type, version }) => `${version} ${type}`)).toEqual([
        '1 tenantry.data.collection.created.v1',
        '2 tenantry.data.collection.deleted.v1',
      ])
      // A definition that this process still had in its cache.
      expect((await refusal(data.call(createRecord, { tenantId, collectionId, fields: {} }))).reason).toBe('NOT_FOUND')
    })

    it('and a create of its first record at once: one of them wins, and no record is left without a collection', async () => {
      for (let round = 0; round < 5; round++) {
        const { collectionId } = await make(`raced-${round}`)
        const [removed, created] = await Promise.allSettled([
          data.call(deleteCollection, { tenantId, collectionId }),
          data.call(createRecord, { tenantId, collectionId, fields: {} }),
        ])
        expect([removed.status, created.status].sort()).toEqual(['fulfilled', 'rejected'])
      }
    })
  })

  describe('a definition that another replica has changed', () => {
    it('is read anew before it refuses, and before a record is classified by it', async () => {
      const { collectionId } = await make('replicas')
      const put = (fields: Record<string, string>, recordId = '') => data.call(createRecord, { tenantId, collectionId, fields, recordId })
      await put({ a: 'x' }, 'r')
      const change = (sql: string, values: unknown[]) =>
        data.database.query(
          `update ${data.schema(tenantId)}.collection set version = version + 1, fields = ${sql} where collection_id = $${values.length + 1}`,
          [...values, collectionId],
        )
      await change('fields || $1::jsonb', [JSON.stringify([{ name: 'b', type: 'string', required: false, classification: 4 }])])
      expect((await put({ b: 'y' })).record!.classification).toBe(Classification.RESTRICTED)
      await change('fields || $1::jsonb', [JSON.stringify([{ name: 'c', type: 'string', required: false, classification: 4 }])])
      await data.database.query(
        `update ${data.schema(tenantId)}.record set clear = '{"a": "x", "c": "z"}', classification = 4 where record_id = 'r'`,
      )
      const updated = await data.call(updateRecord, {
        tenantId,
        collectionId,
        recordId: 'r',
        fields: { a: 'y' },
        updateMask: { paths: ['fields.a'] },
      })
      expect(updated.record).toMatchObject({ fields: { a: 'y', c: 'z' }, classification: Classification.RESTRICTED })
      await change('fields || $1::jsonb', [JSON.stringify([{ name: 'd', type: 'number', required: false, classification: 1 }])])
      expect((await data.call(listRecords, { tenantId, collectionId, filter: 'fields.d > 1' })).records).toEqual([])
      expect((await refusal(put({ e: 'x' }))).violations[0]!.field).toBe('fields.e')
    })
  })

  it('numbers events that happened, and no others', async () => {
    const call = testCall(createCollection, { tenant: tenantId })
    await make('counted')
    await refusal(data.callWith(call, createCollection, { tenantId, name: 'counted', fields: [text('a')] }))
    expect(call.events).toEqual([])
  })
})
