import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { JsonObject } from '@bufbuild/protobuf'
import { Classification, FieldType } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import { AppError } from '../../platform/mesh/errors.js'
import { number, openTestData, refusal, testCall, text } from '../testing.js'
import type { TestData } from '../testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { createRecord, getRecord, updateRecord, deleteRecord, listRecords } = RecordService.method
const FIELDS = [
  text('name', { required: true }),
  number('total'),
  { name: 'active', type: FieldType.BOOLEAN, classification: Classification.PUBLIC },
  { name: 'since', type: FieldType.TIMESTAMP },
  { name: 'notes', type: FieldType.JSON, classification: Classification.CONFIDENTIAL },
]
const uuid = () => crypto.randomUUID()

describe.each(['pool', 'schema'] as const)('records of a tenant in placement %s', (placement) => {
  let tenantId: string
  let collectionId: string
  beforeAll(async () => {
    tenantId = await data.tenant(placement)
    collectionId = await data.collection(tenantId, FIELDS)
  })
  const put = async (fields: JsonObject, recordId = '') =>
    (await data.call(createRecord, { tenantId, collectionId, recordId, fields })).record!
  const get = async (recordId: string) => (await data.call(getRecord, { tenantId, collectionId, recordId })).record!
  const row = async (recordId: string) =>
    (
      await data.database.query(`select * from ${data.schema(tenantId)}.record where tenant_id = $1 and record_id = $2`, [
        tenantId,
        recordId,
      ])
    )[0]
  const events = (recordId: string) =>
    data.database.query<{ type: string; version: bigint; changed_fields: string[]; id: string }>(
      `select * from platform.outbox where tenant_id = $1 and subject = $2 order by version`,
      [tenantId, `tenants/${tenantId}/collections/${collectionId}/records/${recordId}`],
    )

  describe('createRecord()', () => {
    it("stores one record in the tenant's place, under an id that it makes or that the client chose", async () => {
      const made = await put({ name: 'Leonie', total: 1.98 })
      expect(made).toMatchObject({
        tenantId,
        collectionId,
        owner: 'usr_tester',
        classification: Classification.INTERNAL,
        version: 1n,
        etag: 'v1',
      })
      expect(made.recordId).toMatch(/^rec_/)
      expect(await get(made.recordId)).toEqual(made)
      expect(await row(made.recordId)).toMatchObject({ clear: { name: 'Leonie', total: 1.98 }, sealed: null, key_version: null })
      expect((await put({ name: 'x' }, 'customer-1')).recordId).toBe('customer-1')
    })

    it('refuses an id that is taken, and an absent collection, with nothing written', async () => {
      await put({ name: 'x' }, 'taken')
      const call = testCall(createRecord, { tenant: tenantId })
      expect(
        (await refusal(data.callWith(call, createRecord, { tenantId, collectionId, recordId: 'taken', fields: { name: 'y' } }))).reason,
      ).toBe('ALREADY_EXISTS')
      expect(call.events).toEqual([])
      expect((await get('taken')).fields).toEqual({ name: 'x' })
      expect(await events('taken')).toHaveLength(1)
      const absent = await refusal(
        data.call(createRecord, { tenantId, collectionId: newId('col'), recordId: 'nobody', fields: { name: 'y' } }),
      )
      expect(absent).toMatchObject({ reason: 'NOT_FOUND', message: 'collection not found' })
      expect(await row('nobody')).toBeUndefined()
    })

    it('keeps values exactly', async () => {
      const fields = {
        name: '\u{1F989} Ünïcödé \u2028\u202e\r\n\t"\\\'; drop table record; -- $1 %s {{}} \u0001\ufeff ' + 'é'.repeat(30_000),
        total: Number.MAX_VALUE,
        active: false,
        since: '2024-02-29T23:59:59.123456789+05:30',
        notes: { '': null, 'a.b': [1e-300, -5e-324, 9007199254740993, true, { deep: ['\u0000'.slice(1)] }], constructor: 'x' },
      }
      const made = await put(fields)
      const read = (await get(made.recordId)).fields
      expect(read).toEqual(fields)
      for (const total of [0, 0.1 + 0.2, 5e-324, -1.7976931348623157e308, 2 ** 53 + 2])
        expect((await get((await put({ name: 'n', total })).recordId)).fields!.total).toBe(total)
    })

    it('says which fields an event is of, and nothing of what they hold', async () => {
      const { recordId } = await put({ name: 'Canary Kanarienvogel', notes: { secret: 'Canary' } })
      const [event] = await events(recordId)
      expect(event).toMatchObject({
        type: 'tenantry.data.record.created.v1',
        version: 1n,
        changed_fields: ['name', 'notes'],
        topic: 'changes',
        ordinal: 1,
      })
      expect(inspect(event, { depth: 9 })).not.toContain('Canary')
    })

    it('answers a repeated request as the first time, also after the record has changed and gone', async () => {
      const request = { tenantId, collectionId, fields: { name: 'once', total: 5 }, requestId: uuid() }
      const first = await data.call(createRecord, request)
      const again = testCall(createRecord, { tenant: tenantId })
      expect(await data.callWith(again, createRecord, request)).toEqual(first)
      expect(again.events).toEqual([])
      const { recordId } = first.record!
      await data.call(updateRecord, { tenantId, collectionId, recordId, fields: { total: 6 }, updateMask: { paths: ['fields.total'] } })
      expect(await data.call(createRecord, request)).toEqual(first)
      await data.call(deleteRecord, { tenantId, collectionId, recordId })
      expect(await data.call(createRecord, request)).toEqual(first)
      expect((await refusal(data.call(createRecord, { ...request, fields: { name: 'other' } }))).reason).toBe('REQUEST_ID_REUSED')
      expect((await data.call(createRecord, request, { subject: 'usr_other' })).record!.recordId).not.toBe(recordId)
    })

    it('answers one of many at once with the same request id by the same record', async () => {
      const request = { tenantId, collectionId, fields: { name: 'race' }, requestId: uuid() }
      const answers = await Promise.all(Array.from({ length: 8 }, () => data.call(createRecord, request)))
      expect(new Set(answers.map(({ record }) => record!.recordId)).size).toBe(1)
    })

    it('reads an answer anew that was too large to be kept', async () => {
      const request = { tenantId, collectionId, fields: { name: 'y'.repeat(5_000) }, requestId: uuid() }
      const first = await data.call(createRecord, request)
      expect(
        await data.database.query('select answer from platform.request where tenant_id = $1 and request_id = $2', [
          tenantId,
          request.requestId,
        ]),
      ).toEqual([{ answer: null }])
      expect(await data.call(createRecord, request)).toEqual(first)
    })

    it('keeps no value of an answer in clear', async () => {
      const requestId = uuid()
      await data.call(createRecord, { tenantId, collectionId, fields: { name: 'Kanarienvogel' }, requestId })
      const [kept] = await data.database.query<{ answer: Buffer }>(
        'select * from platform.request where tenant_id = $1 and request_id = $2',
        [tenantId, requestId],
      )
      expect(kept!.answer.length).toBeGreaterThan(20)
      expect(kept!.answer.toString('latin1')).not.toContain('Kanarienvogel')
    })
  })

  describe('getRecord()', () => {
    it('decides with the row, and shows nothing when the answer is no', async () => {
      const { recordId } = await put({ name: 'x', notes: 'secret' })
      const call = testCall(getRecord, {
        tenant: tenantId,
        decideRow: () => {
          throw new AppError('CLASSIFICATION_TOO_HIGH', 'no')
        },
      })
      expect((await refusal(data.callWith(call, getRecord, { tenantId, collectionId, recordId }))).reason).toBe('CLASSIFICATION_TOO_HIGH')
      expect(call.rows).toEqual([{ owner: 'usr_tester', classification: 'confidential' }])
    })

    it('leaves out the fields that the decision masks', async () => {
      const { recordId } = await put({ name: 'x', total: 3 })
      const { record } = await data.call(getRecord, { tenantId, collectionId, recordId }, { decideRow: () => ({ maskFields: ['total'] }) })
      expect(record!.fields).toEqual({ name: 'x' })
    })

    it("answers for another tenant's record, another collection's, and one that is not there, alike", async () => {
      const { recordId } = await put({ name: 'x' })
      const other = await data.tenant(placement)
      const ofOther = await data.collection(other, FIELDS)
      const answers = await Promise.all([
        refusal(data.call(getRecord, { tenantId: other, collectionId, recordId })),
        refusal(data.call(getRecord, { tenantId: other, collectionId: ofOther, recordId })),
        refusal(data.call(getRecord, { tenantId, collectionId: newId('col'), recordId })),
        refusal(data.call(getRecord, { tenantId, collectionId, recordId: 'never-was' })),
      ])
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      expect(answers[0]).toMatchObject({ reason: 'NOT_FOUND' })
    })
  })

  describe('updateRecord()', () => {
    const update = (recordId: string, fields: JsonObject, paths: string[], more: { etag?: string; requestId?: string } = {}) =>
      data.call(updateRecord, { tenantId, collectionId, recordId, fields, updateMask: { paths }, ...more })

    it('changes what the mask names, counts the version on and tells what changed', async () => {
      const { recordId, createTime } = await put({ name: 'x', total: 1 })
      const { record } = await update(recordId, { total: 2, name: 'not named' }, ['fields.total'])
      expect(record).toMatchObject({ fields: { name: 'x', total: 2 }, version: 2n, etag: 'v2', createTime })
      expect(await get(recordId)).toEqual(record)
      expect((await events(recordId)).map(({ type, version, changed_fields }) => [type, version, changed_fields])).toEqual([
        ['tenantry.data.record.created.v1', 1n, ['name', 'total']],
        ['tenantry.data.record.updated.v1', 2n, ['total']],
      ])
    })

    it('raises and lowers the classification with the fields that are set, deciding with both', async () => {
      const { recordId } = await put({ name: 'x' })
      const request = { tenantId, collectionId, recordId, fields: { notes: 'secret' }, updateMask: { paths: ['fields.notes'] } }
      const call = testCall(updateRecord, { tenant: tenantId })
      expect((await data.callWith(call, updateRecord, request)).record!.classification).toBe(Classification.CONFIDENTIAL)
      expect(call.rows.map(({ classification }) => classification)).toEqual(['internal', 'confidential'])
      expect((await update(recordId, {}, ['fields.notes'])).record!.classification).toBe(Classification.INTERNAL)
    })

    it('refuses a stale etag', async () => {
      const { recordId, etag } = await put({ name: 'x' })
      await update(recordId, { name: 'y' }, ['fields'], { etag })
      for (const stale of [etag, 'v99', 'x', '"v2"', "v2' or '1'='1"])
        expect((await refusal(update(recordId, { name: 'z' }, ['fields'], { etag: stale }))).reason).toBe('ETAG_MISMATCH')
      expect((await get(recordId)).fields).toEqual({ name: 'y' })
    })

    it('writes nothing when the decision with the row says no', async () => {
      const { recordId } = await put({ name: 'x' })
      const call = testCall(updateRecord, {
        tenant: tenantId,
        decideRow: () => {
          throw new AppError('NOT_OWNER', 'no')
        },
      })
      const request = { tenantId, collectionId, recordId, fields: { nome: 1 }, updateMask: { paths: ['fields'] } }
      expect((await refusal(data.callWith(call, updateRecord, request))).reason).toBe('NOT_OWNER')
      expect((await get(recordId)).version).toBe(1n)
      expect(call.events).toEqual([])
    })

    it('loses none of many updates at once', async () => {
      const { recordId } = await put({ name: 'x' })
      const writes = ['total', 'active', 'since', 'notes'].map((name) =>
        update(recordId, { total: 1, active: true, since: '2024-01-01T00:00:00Z', notes: {} }, [`fields.${name}`]),
      )
      await Promise.all(writes)
      const read = await get(recordId)
      expect(Object.keys(read.fields!).sort()).toEqual(['active', 'name', 'notes', 'since', 'total'])
      expect(read.version).toBe(5n)
      expect((await events(recordId)).map(({ version }) => version)).toEqual([1n, 2n, 3n, 4n, 5n])
    })

    it('lets one of many with the same etag through', async () => {
      const { recordId, etag } = await put({ name: 'x' })
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, (_, i) => update(recordId, { name: `y${i}` }, ['fields'], { etag })),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect((await get(recordId)).version).toBe(2n)
    })

    it('answers a repeated request as the first time', async () => {
      const { recordId } = await put({ name: 'x' })
      const requestId = uuid()
      const first = await update(recordId, { name: 'y' }, ['fields'], { requestId })
      expect(await update(recordId, { name: 'y' }, ['fields'], { requestId })).toEqual(first)
      await update(recordId, { name: 'z' }, ['fields'])
      expect(await update(recordId, { name: 'y' }, ['fields'], { requestId })).toEqual(first)
      expect((await refusal(update(recordId, { name: 'q' }, ['fields'], { requestId }))).reason).toBe('REQUEST_ID_REUSED')
      await data.call(deleteRecord, { tenantId, collectionId, recordId })
      expect(await update(recordId, { name: 'y' }, ['fields'], { requestId })).toEqual(first)
      expect((await refusal(update(recordId, { name: 'y' }, ['fields'], { requestId: uuid() }))).reason).toBe('NOT_FOUND')
    })
  })

  describe('deleteRecord()', () => {
    it('leaves a tombstone, and a new record under that id counts on', async () => {
      await put({ name: 'x' }, 'phoenix')
      await data.call(deleteRecord, { tenantId, collectionId, recordId: 'phoenix' })
      expect((await refusal(get('phoenix'))).reason).toBe('NOT_FOUND')
      expect((await refusal(data.call(deleteRecord, { tenantId, collectionId, recordId: 'phoenix' }))).reason).toBe('NOT_FOUND')
      expect(await put({ name: 'y' }, 'phoenix')).toMatchObject({ version: 3n, fields: { name: 'y' } })
      await data.call(deleteRecord, { tenantId, collectionId, recordId: 'phoenix', etag: 'v3' })
      expect((await put({ name: 'z' }, 'phoenix')).version).toBe(5n)
      expect((await events('phoenix')).map(({ type, version }) => `${version} ${type.split('.')[3]}`)).toEqual([
        '1 created',
        '2 deleted',
        '3 created',
        '4 deleted',
        '5 created',
      ])
    })

    it('keeps versions dense when deletes and creates of one id race', async () => {
      for (let round = 0; round < 5; round++) {
        await Promise.allSettled([
          put({ name: 'a' }, 'raced'),
          data.call(deleteRecord, { tenantId, collectionId, recordId: 'raced' }),
          put({ name: 'b' }, 'raced'),
          data.call(deleteRecord, { tenantId, collectionId, recordId: 'raced' }),
          put({ name: 'c' }, 'raced'),
        ])
      }
      const versions = (await events('raced')).map(({ version }) => Number(version))
      expect(versions).toEqual(versions.map((_, i) => i + 1))
      expect(versions.length).toBeGreaterThan(4)
    })

    it('refuses a stale etag, and a row that the policy keeps from the caller', async () => {
      const { recordId } = await put({ name: 'x' })
      expect((await refusal(data.call(deleteRecord, { tenantId, collectionId, recordId, etag: 'v2' }))).reason).toBe('ETAG_MISMATCH')
      const denied = testCall(deleteRecord, {
        tenant: tenantId,
        decideRow: () => {
          throw new AppError('NOT_OWNER', 'no')
        },
      })
      expect((await refusal(data.callWith(denied, deleteRecord, { tenantId, collectionId, recordId }))).reason).toBe('NOT_OWNER')
      expect(await get(recordId)).toBeDefined()
    })

    it('answers a repeated request as the first time, deciding with what the row was', async () => {
      const { recordId } = await put({ name: 'x' })
      const request = { tenantId, collectionId, recordId, requestId: uuid() }
      await data.call(deleteRecord, request)
      const again = testCall(deleteRecord, { tenant: tenantId })
      await data.callWith(again, deleteRecord, request)
      expect(again.rows).toEqual([{ owner: 'usr_tester', classification: 'internal' }])
    })
  })

  it('shows another tenant nothing in any list', async () => {
    const other = await data.tenant(placement)
    expect((await refusal(data.call(listRecords, { tenantId: other, collectionId }))).reason).toBe('NOT_FOUND')
  })

  it('behaves for a colliding id of another tenant as for any new one', async () => {
    const other = await data.tenant(placement)
    const ofOther = await data.collection(other, FIELDS)
    await put({ name: 'mine' }, 'same-id')
    expect(
      (await data.call(createRecord, { tenantId: other, collectionId: ofOther, recordId: 'same-id', fields: { name: 'theirs' } })).record!
        .version,
    ).toBe(1n)
    expect(
      (await refusal(data.call(createRecord, { tenantId: other, collectionId, recordId: 'new-id', fields: { name: 'theirs' } }))).message,
    ).toBe('collection not found')
  })
})
