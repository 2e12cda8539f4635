import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import { FieldSchema, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { fieldName, readCsv } from './csv.js'

const file = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'csv-')), 'rows.csv')
  writeFileSync(path, text)
  return path
}
const fields = [
  create(FieldSchema, { name: 'customer_id', type: FieldType.NUMBER }),
  create(FieldSchema, { name: 'name', type: FieldType.STRING }),
  create(FieldSchema, { name: 'date', type: FieldType.TIMESTAMP }),
]
const all = async (path: string, id?: string) => {
  const rows = []
  for await (const row of readCsv(path, fields, id, 'c-')) rows.push({ recordId: row.recordId, fields: row.fields })
  return rows
}

describe('fieldName()', () => {
  it('makes field names of headers', () => {
    expect(['CustomerId', 'GICS Sector', 'Date added', ' Fax '].map(fieldName)).toEqual(['customer_id', 'gics_sector', 'date_added', 'fax'])
  })
})

describe('readCsv()', () => {
  it('types values by the collection and leaves empty ones out', async () => {
    expect(await all(file('CustomerId,Name,Date\n7,"Gonçalves, Luís",2021-01-01T00:00:00\n8,,\n'), 'CustomerId')).toEqual([
      { recordId: 'c-7', fields: { customer_id: 7, name: 'Gonçalves, Luís', date: '2021-01-01T00:00:00Z' } },
      { recordId: 'c-8', fields: { customer_id: 8 } },
    ])
  })

  it('gives the same row the same id, and names line and field of a bad value', async () => {
    const [first] = await all(file('Name\nx\n'))
    const [again] = await all(file('Name\nx\n'))
    expect(first!.recordId).toBe(again!.recordId)
    await expect(all(file('CustomerId\nseven\n'))).rejects.toThrow('line 2: customer_id is not a number')
    await expect(all(file('Nope\n1\n'))).rejects.toThrow('column nope')
  })
})
