import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { parse } from 'csv-parse'
import type { Field } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { UsageError } from './usage-error.js'

export interface CsvRow {
  recordId: string
  fields: JsonObject
  /** Bytes of the file read so far. */
  bytes: number
}

/** `CustomerId` and `Customer Id` are `customer_id`. */
export const fieldName = (header: string): string =>
  header
    .trim()
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()

const convert = (field: Field, text: string, line: number): JsonValue => {
  switch (field.type) {
    case FieldType.NUMBER: {
      const number = Number(text)
      if (text.trim() === '' || !Number.isFinite(number)) throw new UsageError(`line ${line}: ${field.name} is not a number`)
      return number
    }
    case FieldType.BOOLEAN:
      if (!/^(true|false)$/i.test(text)) throw new UsageError(`line ${line}: ${field.name} is not true or false`)
      return text.toLowerCase() === 'true'
    case FieldType.TIMESTAMP:
      return /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text.length === 10 ? `${text}T00:00:00` : text}Z`
    case FieldType.JSON:
      return JSON.parse(text) as JsonValue
    default:
      return text
  }
}

/**
 * The rows of a CSV file (RFC 4180, first line names) as records of a collection. A record's id is its `idField`'s value, or else a digest of the row:
 * the same file makes the same ids, so importing it again adds only what is missing.
 */
export async function* readCsv(
  path: string,
  fields: readonly Field[],
  idField: string | undefined,
  prefix: string,
): AsyncGenerator<CsvRow> {
  const byName = new Map(fields.map((field) => [field.name, field]))
  const source = createReadStream(path)
  const rows = source.pipe(parse({ bom: true, columns: (names: string[]) => names.map(fieldName), relax_column_count: false }))
  let line = 1
  for await (const raw of rows as AsyncIterable<Record<string, string>>) {
    line++
    const values: JsonObject = {}
    for (const [name, text] of Object.entries(raw)) {
      const field = byName.get(name)
      if (!field) throw new UsageError(`column ${name}: the collection has no such field`)
      if (text !== '') values[name] = convert(field, text, line)
    }
    yield { recordId: idOf(raw, idField, prefix, line), fields: values, bytes: source.bytesRead }
  }
}

const idOf = (row: Record<string, string>, idField: string | undefined, prefix: string, line: number): string => {
  if (idField === undefined) return `row-${createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 32)}`
  const value = row[fieldName(idField)]
  if (value === undefined) throw new UsageError(`--id-column: the file has no column ${idField}`)
  const id = `${prefix}${value.toLowerCase().replace(/[^a-z0-9_-]+/g, '-')}`
  if (!/^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/.test(id)) throw new UsageError(`line ${line}: ${idField} gives no usable record id`)
  return id
}

export const sizeOf = (path: string): number => statSync(path).size
