import type { CollectionRow } from './store/rows.js'

export type FieldType = 'string' | 'number' | 'boolean' | 'timestamp' | 'json'

/** A field as the collection's row keeps it. */
export interface FieldDefinition {
  readonly name: string
  readonly type: FieldType
  readonly required: boolean
  /** Number of the classification, 1 to 4. */
  readonly classification: number
}

/** What a collection's records must look like. Grows only: what an older one accepts, every later one does too. */
export interface Definition {
  readonly collectionId: string
  readonly version: bigint
  readonly fields: readonly FieldDefinition[]
  readonly byName: ReadonlyMap<string, FieldDefinition>
}

export const definitionOf = (row: CollectionRow): Definition => ({
  collectionId: row.collection_id,
  version: row.version,
  fields: row.fields,
  byName: new Map(row.fields.map((field) => [field.name, field])),
})
