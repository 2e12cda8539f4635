import { UpdateRecordRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { attempts } from '../attempts.js'
import { decideUpdate, updatedFields } from '../change-record.js'
import { classificationName } from '../classification.js'
import type { DataService } from '../deps.js'
import { checkEtag } from '../etag.js'
import { recordEvent } from '../events.js'
import { keptRecord } from '../kept.js'
import type { RecordRest } from '../kept.js'
import { toRecord } from '../map.js'
import { selectRecord } from '../store/select-record.js'
import { updateRecord as statement } from '../store/update-record.js'
import { violations } from '../violations.js'
import { unmasked, visibleOf } from '../visible.js'

/** Changes the fields that the mask names, if the record is still as the decision saw it. */
export const updateRecord =
  ({ db, collections, mutations }: DataService): Rpc<typeof RecordService.method.updateRecord> =>
  async (request, call) => {
    const { collectionId, recordId } = request
    const key = { tenantId: call.tenant, collectionId, recordId }
    const mask = request.updateMask?.paths ?? []
    return mutations.run(call, UpdateRecordRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const [[stored]] = await db.run(call, selectRecord(key))
          if (stored === undefined) throw notFound('record')
          const checked = await collections.using(call, collectionId, async (definition) => {
            const found = violations()
            const fields = updatedFields(definition, stored, request.fields, mask, 'fields', found)
            // Who may not change the record learns nothing from what is wrong with the change.
            const decision = await decideUpdate(call, stored, fields)
            found.end()
            return { ...fields, masked: visibleOf(decision.obligations).masked }
          })
          checkEtag(request.etag, stored.version)
          const updated = event(recordEvent('updated', call.tenant, collectionId, recordId, checked.changed))
          const rest = {
            owner: stored.owner,
            classification: checked.classification,
            fields: checked.fields,
            createTime: stored.create_time.toISOString(),
          }
          const change = statement(key, { ...checked, recordId, version: stored.version })
          const [[row]] = await db.run(call, once(emitting(change, updated, call), recordId, rest))
          return { record: toRecord(call.tenant, collectionId, row!, unmasked(checked.fields, checked.masked)) }
        }),
      replay: async (kept, rest: RecordRest | undefined) => {
        const row = await keptRecord(db, call, collectionId, kept, rest)
        const decision = await call.decideWithRow({ owner: row.owner, classification: classificationName(row.classification) })
        return { record: toRecord(call.tenant, collectionId, row, unmasked(row.clear, visibleOf(decision.obligations).masked)) }
      },
    })
  }
