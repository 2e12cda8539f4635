import type { JsonObject } from '@bufbuild/protobuf'
import type { Call } from '../platform/mesh/call.js'
import { notFound } from '../platform/mesh/errors.js'
import type { Database } from '../platform/postgres/database.js'
import type { FieldDefinition } from './definition.js'
import type { KeptAnswer } from './requests.js'
import type { CollectionRow, RecordRow } from './store/rows.js'
import { selectCollection } from './store/select-collection.js'
import { selectRecord } from './store/select-record.js'

/** What of a collection's answer is kept sealed for a repeated request. Times are the database's: its own, and those of the row before. */
export interface CollectionRest {
  readonly name: string
  readonly displayName: string
  readonly fields: readonly FieldDefinition[]
  readonly createTime?: string
}

/** The same of a record's. */
export interface RecordRest {
  readonly owner: string
  readonly classification: number
  readonly fields: JsonObject
  readonly createTime?: string
}

const times = (kept: KeptAnswer, createTime: string | undefined): Pick<RecordRow, 'version' | 'create_time' | 'update_time'> => ({
  version: kept.version,
  create_time: createTime === undefined ? kept.time : new Date(createTime),
  update_time: kept.time,
})

/** The collection as it was answered the first time; one too large to be kept is read as it is now. */
export const keptCollection = async (
  db: Database,
  call: Call,
  kept: KeptAnswer,
  rest: CollectionRest | undefined,
): Promise<CollectionRow> => {
  if (rest !== undefined) {
    const { name, displayName, fields, createTime } = rest
    return { collection_id: kept.name, name, display_name: displayName, fields: [...fields], ...times(kept, createTime) }
  }
  const [[row]] = await db.run(call, selectCollection(call.tenant, kept.name))
  if (row === undefined) throw notFound('collection')
  return row
}

/** The record as it was answered the first time; one too large to be kept is read as it is now. */
export const keptRecord = async (
  db: Database,
  call: Call,
  collectionId: string,
  kept: KeptAnswer,
  rest: RecordRest | undefined,
): Promise<RecordRow> => {
  if (rest !== undefined) {
    const { owner, classification, fields, createTime } = rest
    return { record_id: kept.name, owner, classification, clear: fields, ...times(kept, createTime) }
  }
  const [[row]] = await db.run(call, selectRecord({ tenantId: call.tenant, collectionId, recordId: kept.name }))
  if (row === undefined) throw notFound('record')
  return row
}
