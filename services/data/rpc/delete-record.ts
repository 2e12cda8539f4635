import { DeleteRecordRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { emitting } from '../../platform/postgres/emitting.js'
import { attempts } from '../attempts.js'
import { classificationName } from '../classification.js'
import type { DataService } from '../deps.js'
import { checkEtag } from '../etag.js'
import { recordEvent } from '../events.js'
import { deleteRecord as statement } from '../store/delete-record.js'
import { insertTombstones } from '../store/insert-tombstones.js'
import { selectRecord } from '../store/select-record.js'

/** Deletes one record, if it is still as the decision saw it; its tombstone stays. */
export const deleteRecord =
  ({ db, mutations }: DataService): Rpc<typeof RecordService.method.deleteRecord> =>
  async (request, call) => {
    const { collectionId, recordId } = request
    const key = { tenantId: call.tenant, collectionId, recordId }
    return mutations.run(call, DeleteRecordRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const [[stored]] = await db.run(call, selectRecord(key))
          if (stored === undefined) throw notFound('record')
          const { owner, classification, version } = stored
          await call.decideWithRow({ owner, classification: classificationName(classification) })
          checkEtag(request.etag, version)
          const deleted = event(recordEvent('deleted', call.tenant, collectionId, recordId))
          await db.run(
            call,
            once(emitting(statement(key, version), deleted, call), recordId, { owner, classification }),
            insertTombstones(call.tenant, collectionId, [{ recordId, version }]),
          )
          return {}
        }),
      replay: async (_, rest: { owner: string; classification: number } | undefined) => {
        if (rest === undefined) throw notFound('record')
        await call.decideWithRow({ owner: rest.owner, classification: classificationName(rest.classification) })
        return {}
      },
    })
  }
