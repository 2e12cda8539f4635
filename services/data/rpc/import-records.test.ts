import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import { Classification } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { ImportRecordsRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import { number, openTestData, refusal, testCall, text } from '../testing.js'
import type { TestData } from '../testing.js'

let data: TestData
beforeAll(async () => {
  data = await openTestData()
})
afterAll(() => data.close())

const { importRecords, exportRecords, createRecord, deleteRecord, getRecord } = RecordService.method
type Message = MessageInitShape<typeof ImportRecordsRequestSchema>

/** Rows in the manner of the real files: names that are not ASCII, empty cells, money. */
const CUSTOMERS: JsonObject[] = [
  {
    first_name: 'Luís',
    last_name: 'Gonçalves',
    company: 'Embraer - Empresa Brasileira de Aeronáutica S.A.',
    email: 'luisg@embraer.com.br',
  },
  { first_name: 'František', last_name: 'Wichterlová', company: 'JetBrains s.r.o.', email: 'frantisekw@jetbrains.com' },
  { first_name: 'Bjørn', last_name: 'Hansen', email: 'bjorn.hansen@yahoo.no' },
  { first_name: 'Stanisław', last_name: 'Wójcik', email: 'stanisław.wójcik@wp.pl' },
]
const customers = Array.from({ length: 59 }, (_, i) => ({
  recordId: `customer-${i + 1}`,
  fields: { ...CUSTOMERS[i % CUSTOMERS.length]!, email: `${i}.${String(CUSTOMERS[i % CUSTOMERS.length]!.email)}` },
}))
const invoices = Array.from({ length: 1_412 }, (_, i) => ({ recordId: `invoice-${i + 1}`, fields: { total: Math.round(i * 99) / 100 } }))

describe.each(['pool', 'schema'] as const)('importRecords() of a tenant in placement %s', (placement) => {
  let tenantId: string
  beforeAll(async () => {
    tenantId = await data.tenant(placement)
  })
  const people = () =>
    data.collection(tenantId, [
      text('first_name', { required: true }),
      text('last_name', { required: true }),
      text('company'),
      text('email', { required: true, classification: Classification.CONFIDENTIAL }),
    ])
  const call = () => testCall(importRecords, { tenant: tenantId })
  const messages = (collectionId: string, records: Message['records'], size: number, skipExisting = false): Message[] => {
    const made: Message[] = []
    for (let i = 0; i < records!.length; i += size) made.push({ records: records!.slice(i, i + size) })
    made[0] = { ...made[0], tenantId, collectionId, skipExisting }
    return made
  }
  const exported = async (collectionId: string) => {
    const records = []
    for await (const page of data.exporting(testCall(exportRecords, { tenant: tenantId }), exportRecords, { tenantId, collectionId }))
      records.push(...page.records)
    return records
  }

  it('stores customers and invoices as they are, in batches that are each recorded', async () => {
    const [ofPeople, ofInvoices] = [await people(), await data.collection(tenantId, [number('total')])]
    const first = call()
    expect(await data.importing(first, importRecords, messages(ofPeople, customers, 10))).toMatchObject({ created: 59n, skipped: 0n })
    expect(first.progressed).toBe(1)
    expect(Object.fromEntries((await exported(ofPeople)).map(({ recordId, fields }) => [recordId, fields]))).toEqual(
      Object.fromEntries(customers.map(({ recordId, fields }) => [recordId, fields])),
    )
    const second = call()
    expect((await data.importing(second, importRecords, messages(ofInvoices, invoices, 100))).created).toBe(1_412n)
    expect(second.progressed).toBe(3)
    expect((await exported(ofInvoices)).length).toBe(1_412)
    const emitted = await data.database.query<{ id: string }>(
      'select id from platform.outbox where tenant_id = $1 and decision_id = $2 order by ordinal',
      [tenantId, Buffer.from(second.decisionId)],
    )
    expect(emitted.map(({ id }) => id)).toEqual(second.events)
  })

  it('records a batch before it reads the next', async () => {
    const collectionId = await data.collection(tenantId, [number('total')])
    const order: string[] = []
    const recorded = Object.assign(call(), { progress: async () => void order.push('recorded') })
    function* stream(): Generator<Message> {
      for (const message of messages(collectionId, invoices.slice(0, 1_000), 500)) {
        order.push('read')
        yield message
      }
    }
    await data.importing(recorded, importRecords, stream())
    expect(order).toEqual(['read', 'recorded', 'read', 'recorded'])
  })

  it('skips what is there when asked so, counting and emitting the rest', async () => {
    const collectionId = await people()
    for (const recordId of ['customer-3', 'customer-7'])
      await data.call(createRecord, { tenantId, collectionId, recordId, fields: { first_name: 'kept', last_name: 'kept', email: 'kept' } })
    await data.call(deleteRecord, { tenantId, collectionId, recordId: 'customer-7' })
    const twice = [...customers, ...customers.slice(0, 5)]
    const importing = call()
    expect(await data.importing(importing, importRecords, messages(collectionId, twice, 20, true))).toMatchObject({
      created: 58n,
      skipped: 6n,
    })
    expect((await data.call(getRecord, { tenantId, collectionId, recordId: 'customer-3' })).record!.fields!.first_name).toBe('kept')
    expect((await data.call(getRecord, { tenantId, collectionId, recordId: 'customer-7' })).record!.version).toBe(3n)
    expect(importing.events).toHaveLength(58)
    expect((await data.importing(call(), importRecords, messages(collectionId, customers, 20, true))).skipped).toBe(59n)
  })

  it('keeps what was committed when a later record is refused, and says how many that is', async () => {
    const collectionId = await data.collection(tenantId, [number('total')])
    const records = [...invoices.slice(0, 700), { recordId: 'bad', fields: { total: 'many', nome: 1 } }]
    const importing = call()
    const refused = await refusal(data.importing(importing, importRecords, messages(collectionId, records, 100)))
    expect(refused).toMatchObject({ reason: 'INVALID_FIELD', metadata: { created: '500', skipped: '0' } })
    expect(refused.violations.map(({ field }) => field)).toEqual(['records[700].fields.nome', 'records[700].fields.total'])
    expect((await exported(collectionId)).length).toBe(500)
    expect(importing.events).toHaveLength(500)
    expect((await refusal(data.importing(call(), importRecords, messages(collectionId, records, 100)))).reason).toBe('ALREADY_EXISTS')
    const twice = [invoices[900]!, invoices[901]!, invoices[900]!]
    expect((await refusal(data.importing(call(), importRecords, messages(collectionId, twice, 10)))).reason).toBe('ALREADY_EXISTS')
    expect((await exported(collectionId)).length).toBe(500)
  })

  it('refuses a stream without a collection, of an absent or a foreign one, and one that turns to another', async () => {
    const [mine, second] = [await people(), await people()]
    const other = await data.tenant(placement)
    const foreign = await data.collection(other, [text('first_name')])
    const of = (stream: Message[]) => refusal(data.importing(call(), importRecords, stream))
    expect((await of([])).violations[0]!.field).toBe('collection_id')
    expect((await of([{ tenantId, records: customers }])).violations[0]!.field).toBe('collection_id')
    const absent = await of([{ tenantId, collectionId: newId('col'), records: customers }])
    expect(absent.reason).toBe('NOT_FOUND')
    expect(await of([{ tenantId, collectionId: foreign, records: customers }])).toEqual(absent)
    expect((await of([{ tenantId, collectionId: newId('col') }])).reason).toBe('NOT_FOUND')
    expect(
      (
        await of([
          { tenantId, collectionId: mine },
          { collectionId: second, records: customers },
        ])
      ).reason,
    ).toBe('PATH_CHANGED_IN_STREAM')
    expect(
      (
        await of([
          { tenantId, collectionId: mine },
          { tenantId: other, records: customers },
        ])
      ).reason,
    ).toBe('PATH_CHANGED_IN_STREAM')
    expect(await exported(mine)).toEqual([])
  })

  it('stores each record once when imports of the same records race', async () => {
    const collectionId = await people()
    const counts = await Promise.all(
      Array.from({ length: 4 }, () => data.importing(call(), importRecords, messages(collectionId, customers, 59, true))),
    )
    expect(counts.reduce((sum, { created }) => sum + created, 0n)).toBe(59n)
    expect(await exported(collectionId)).toHaveLength(59)
  })
})
