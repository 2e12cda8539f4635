import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { CollectionSchema, Field } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { RecordSchema } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { INTERNAL } from './classification.js'
import type { FieldDefinition, FieldType as TypeName } from './definition.js'
import { etagOf } from './etag.js'
import type { CollectionRow, WrittenRow } from './store/rows.js'

const TYPES: Readonly<Record<TypeName, FieldType>> = {
  string: FieldType.STRING,
  number: FieldType.NUMBER,
  boolean: FieldType.BOOLEAN,
  timestamp: FieldType.TIMESTAMP,
  json: FieldType.JSON,
}
const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name as TypeName]))

/** A field as the row keeps it; the contract's own rules have been checked. */
export const toFieldDefinition = (field: Field): FieldDefinition => ({
  name: field.name,
  type: TYPE_NAMES.get(field.type)!,
  required: field.required,
  classification: field.classification === 0 ? INTERNAL : field.classification,
})

export const toCollection = (tenantId: string, row: CollectionRow): MessageInitShape<typeof CollectionSchema> => ({
  collectionId: row.collection_id,
  tenantId,
  name: row.name,
  displayName: row.display_name,
  fields: row.fields.map((field) => ({ ...field, type: TYPES[field.type] })),
  createTime: timestampFromDate(row.create_time),
  updateTime: timestampFromDate(row.update_time),
  etag: etagOf(row.version),
})

export const toRecord = (
  tenantId: string,
  collectionId: string,
  row: WrittenRow,
  fields: JsonObject,
): MessageInitShape<typeof RecordSchema> => ({
  recordId: row.record_id,
  tenantId,
  collectionId,
  fields,
  classification: row.classification,
  owner: row.owner,
  createTime: timestampFromDate(row.create_time),
  updateTime: timestampFromDate(row.update_time),
  etag: etagOf(row.version),
  version: row.version,
})
