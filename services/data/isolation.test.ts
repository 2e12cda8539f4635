import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../platform/ids.js'
import { systemCall } from '../platform/postgres/testing.js'
import { schemaOf } from './schema-of.js'
import { deleteRecord } from './store/delete-record.js'
import { insertRecord } from './store/insert-record.js'
import { selectRecord } from './store/select-record.js'
import { updateRecord } from './store/update-record.js'
import { openTestData, refusal, testCall, text } from './testing.js'
import type { Placement, TestData } from './testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { createRecord, getRecord, updateRecord: update } = RecordService.method

/** A tenant with one record, `secret`. */
const victim = async (placement: Placement) => {
  const tenantId = await data.tenant(placement)
  const collectionId = await data.collection(tenantId, [text('name')])
  await data.call(createRecord, { tenantId, collectionId, recordId: 'secret', fields: { name: 'Kanarienvogel' } })
  return { tenantId, collectionId, recordId: 'secret' }
}

describe('a statement that names another tenant than its context', () => {
  const attack = async (context: string, key: { tenantId: string; collectionId: string; recordId: string }) => {
    const call = systemCall({ tenant: context })
    const [rows] = await data.database.db.run(call, selectRecord(key))
    return rows.length
  }

  it('finds, changes and deletes nothing, and adds nothing', async () => {
    const [mine, theirs] = [await victim('pool'), await victim('pool')]
    const { db } = data.database
    const call = systemCall({ tenant: mine.tenantId })
    expect(await attack(mine.tenantId, theirs)).toBe(0)
    const change = { recordId: 'secret', version: 1n, json: '{}', bytes: 2, classification: 1 }
    expect((await refusal(db.run(call, updateRecord(theirs, change)))).reason).toBe('CONFLICT')
    expect((await refusal(db.run(call, deleteRecord(theirs, 1n)))).reason).toBe('CONFLICT')
    await expect(db.run(call, insertRecord({ ...theirs, ...change, recordId: 'planted', owner: 'x' }))).rejects.toThrow(
      'row-level security',
    )
    expect((await data.call(getRecord, theirs)).record!.fields).toEqual({ name: 'Kanarienvogel' })
  })

  it('would find it without row-level security', async () => {
    const [mine, theirs] = [await victim('pool'), await victim('pool')]
    await data.database.query('alter table pool.record disable row level security')
    try {
      expect(await attack(mine.tenantId, theirs)).toBe(1)
    } finally {
      await data.database.query('alter table pool.record enable row level security')
    }
    expect(await attack(mine.tenantId, theirs)).toBe(0)
  })

  it('finds nothing in another schema either, whoever names it', async () => {
    const [mine, theirs] = [await victim('schema'), await victim('schema')]
    const direct = { name: 'attack', text: `select record_id from "${theirs.tenantId}".record`, values: [] }
    const [rows] = await data.database.db.run(systemCall({ tenant: mine.tenantId }), direct)
    expect(rows).toEqual([])
    expect(await attack(mine.tenantId, theirs)).toBe(0)
  })
})

describe("a tenant's place", () => {
  it('is never guessed', () => {
    expect(() => schemaOf({ tenant: () => undefined })(newId('ten'))).toThrow(expect.objectContaining({ reason: 'FACTS_STALE' }))
  })

  it('keeps rows of a schema out of the pool', async () => {
    const { tenantId } = await victim('schema')
    expect(await data.database.query('select from pool.record where tenant_id = $1', [tenantId])).toEqual([])
    expect(await data.database.query('select from pool.collection where tenant_id = $1', [tenantId])).toEqual([])
  })
})

describe('a change and its event', () => {
  it('are one: no event can be written, nothing is', async () => {
    const { tenantId, collectionId } = await victim('pool')
    await data.database.query(`alter table platform.outbox add constraint broken check (type not like '%record.created%') not valid`)
    try {
      await expect(data.call(createRecord, { tenantId, collectionId, recordId: 'lost', fields: {} })).rejects.toThrow()
    } finally {
      await data.database.query('alter table platform.outbox drop constraint broken')
    }
    expect((await refusal(data.call(getRecord, { tenantId, collectionId, recordId: 'lost' }))).reason).toBe('NOT_FOUND')
  })
})

describe('a write of a method with row facts', () => {
  it('is refused by the database until the call has decided with the row', async () => {
    const key = await victim('pool')
    const call = testCall(update, { tenant: key.tenantId })
    const change = updateRecord(key, { recordId: 'secret', version: 1n, json: '{}', bytes: 2, classification: 1 })
    await expect(data.database.db.run(call, change)).rejects.toThrow('before its decision with the row')
    expect((await data.call(getRecord, key)).record!.version).toBe(1n)
    await call.decideWithRow({})
    await expect(data.database.db.run(call, change)).resolves.toBeDefined()
  })
})

describe('a call whose time is over', () => {
  it('changes nothing', async () => {
    const { tenantId, collectionId } = await victim('pool')
    const late = testCall(createRecord, { tenant: tenantId, timeoutMs: 1 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const request = { tenantId, collectionId, recordId: 'late', fields: {} }
    expect((await refusal(data.callWith(late, createRecord, request))).reason).toBe('DEADLINE_EXCEEDED')
    expect((await refusal(data.call(getRecord, { tenantId, collectionId, recordId: 'late' }))).reason).toBe('NOT_FOUND')
    expect(late.events).toEqual([])
  })
})
