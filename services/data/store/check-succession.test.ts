import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { systemCall } from '../../platform/postgres/testing.js'
import { openTestData, refusal, text } from '../testing.js'
import type { TestData } from '../testing.js'
import { checkSuccession } from './check-succession.js'
import { deleteRecord } from './delete-record.js'
import { insertRecord } from './insert-record.js'
import { insertTombstones } from './insert-tombstones.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { createRecord } = RecordService.method

/** Runs `work` while a delete of its record is open, and commits the delete once `work` waits for it. */
const whileDeleting = async (tenantId: string, collectionId: string, recordId: string, work: () => Promise<unknown>): Promise<unknown> => {
  const { db, query } = data.database
  let waiting!: Promise<unknown>
  await db.transact(systemCall({ tenant: tenantId }), async (tx) => {
    await tx.run(
      deleteRecord({ tenantId, collectionId, recordId }, 1n),
      insertTombstones(tenantId, collectionId, [{ recordId, version: 1n }]),
    )
    waiting = work().catch((error: unknown) => error)
    while ((await query(`select from pg_locks where not granted and locktype = 'transactionid'`)).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
  })
  return waiting
}

it('finds an insert that took its version from before a delete that it waited for; without it versions start over', async () => {
  const tenantId = await data.tenant('schema')
  const collectionId = await data.collection(tenantId, [text('name')])
  const put = (recordId: string) => data.call(createRecord, { tenantId, collectionId, recordId, fields: {} })
  const insert = (recordId: string) =>
    insertRecord({ tenantId, collectionId, recordId, json: '{}', bytes: 2, owner: 'x', classification: 1 })
  const run = data.database.db.run
  for (const recordId of ['bare', 'checked', 'whole']) await put(recordId)

  const bare = await whileDeleting(tenantId, collectionId, 'bare', () => run(systemCall({ tenant: tenantId }), insert('bare')))
  expect(bare).toMatchObject([[{ version: 1n }]])
  const checked = whileDeleting(tenantId, collectionId, 'checked', () =>
    run(systemCall({ tenant: tenantId }), insert('checked'), checkSuccession(tenantId, collectionId, ['checked'])),
  )
  expect((await refusal(checked.then((error) => Promise.reject(error as Error)))).reason).toBe('CONFLICT')
  expect(await whileDeleting(tenantId, collectionId, 'whole', () => put('whole'))).toMatchObject({ record: { version: 3n } })
})
