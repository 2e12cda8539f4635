import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { CreateRecordRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../../platform/ids.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { attempts } from '../attempts.js'
import { checkFields } from '../check-fields.js'
import { classificationName } from '../classification.js'
import type { DataService } from '../deps.js'
import { recordEvent } from '../events.js'
import { keptRecord } from '../kept.js'
import type { RecordRest } from '../kept.js'
import { toRecord } from '../map.js'
import { ownerOf } from '../owner.js'
import { checkSuccession } from '../store/check-succession.js'
import { insertRecord } from '../store/insert-record.js'

/** Stores one record. Repeating a `request_id` answers as the first time. */
export const createRecord =
  ({ db, collections, mutations }: DataService): Rpc<typeof RecordService.method.createRecord> =>
  async (request, call) => {
    const { collectionId } = request
    const checked = await collections.using(call, collectionId, (definition) => checkFields(definition, request.fields))
    const made = request.recordId === ''
    const recordId = made ? newId('rec') : request.recordId
    const owner = ownerOf(call)
    // There is no row yet: decided with what it will be.
    await call.decideWithRow({ owner, classification: classificationName(checked.classification) })
    return mutations.run(call, CreateRecordRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const created = event(recordEvent('created', call.tenant, collectionId, recordId, checked.changed))
          const insert = insertRecord({ tenantId: call.tenant, collectionId, recordId, owner, ...checked }, made)
          const rest = { owner, classification: checked.classification, fields: checked.fields }
          const [[row]] = await db.run(
            call,
            once(emitting(insert, created, call), recordId, rest),
            // An id that we have just made has no predecessor.
            ...(made ? [] : [checkSuccession(call.tenant, collectionId, [recordId])]),
          )
          return { record: toRecord(call.tenant, collectionId, row!, checked.fields) }
        }),
      replay: async (kept, rest: RecordRest | undefined) => {
        const row = await keptRecord(db, call, collectionId, kept, rest)
        return { record: toRecord(call.tenant, collectionId, row, row.clear) }
      },
    })
  }
