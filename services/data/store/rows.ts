import type { JsonObject } from '@bufbuild/protobuf'
import type { FieldDefinition } from '../definition.js'

/** A row of @.collection. */
export interface CollectionRow {
  collection_id: string
  /** Dense from 1. */
  version: bigint
  name: string
  display_name: string
  fields: FieldDefinition[]
  create_time: Date
  update_time: Date
}

/** A row of @.record. */
export interface RecordRow {
  record_id: string
  version: bigint
  clear: JsonObject
  owner: string
  classification: number
  create_time: Date
  update_time: Date
}

/** What a change of a record gives back: its fields are known to whoever wrote them. */
export type WrittenRow = Omit<RecordRow, 'clear'>

export const COLLECTION_COLUMNS = 'collection_id, version, name, display_name, fields, create_time, update_time'
export const WRITTEN_COLUMNS = 'record_id, version, owner, classification, create_time, update_time'
export const RECORD_COLUMNS = `${WRITTEN_COLUMNS}, clear`

/** Names one record. */
export interface RecordKey {
  readonly tenantId: string
  readonly collectionId: string
  readonly recordId: string
}
