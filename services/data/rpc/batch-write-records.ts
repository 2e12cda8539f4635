import { BatchWriteRecordsRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { attempts } from '../attempts.js'
import { planWrites, readWrites } from '../batch.js'
import type { Write } from '../batch.js'
import { batchStatements } from '../batch-statements.js'
import type { DataService } from '../deps.js'
import { etagOf } from '../etag.js'
import { recordEvent } from '../events.js'
import { madeIds } from '../made-ids.js'
import { ownerOf } from '../owner.js'
import { packVersions, unpackVersions } from '../packed-versions.js'
import { holdCollection } from '../store/select-collection.js'
import { selectRecords, selectTombstones } from '../store/select-record.js'

/** Creates, updates and deletes records in one transaction, all or nothing: each decided with its row and conditional on the version it saw. */
export const batchWriteRecords =
  ({ db, collections, mutations }: DataService): Rpc<typeof RecordService.method.batchWriteRecords> =>
  async (request, call) => {
    const { collectionId } = request
    const ids = madeIds()
    const writes = readWrites(request.writes, ids)
    const owner = ownerOf(call)
    const created = writes.filter((write) => write.verb === 'created' && !write.made).map((write) => write.recordId)
    const stored = writes.filter((write) => write.verb !== 'created').map((write) => write.recordId)

    return mutations.run(call, BatchWriteRecordsRequestSchema, request, {
      write: ({ event, once }) =>
        attempts(async () => {
          const [rows, gone] = await db.run(
            call,
            selectRecords(call.tenant, collectionId, stored),
            selectTombstones(call.tenant, collectionId, created),
          )
          const seen = { rows: byId(rows), gone: byId(gone) }
          const planned = await collections.using(call, collectionId, (definition) => planWrites(call, definition, owner, writes, seen))
          const events = planned.map(({ write, checked }) =>
            event(recordEvent(write.verb, call.tenant, collectionId, write.recordId, checked?.changed)),
          )
          const versions = planned.map(({ after }) => after)
          const rest = { seed: ids.seed, versions: packVersions(versions) }
          const hold = once(holdCollection(call.tenant, collectionId), collectionId, rest)
          await db.run(call, hold, ...batchStatements(call, collectionId, owner, planned, events))
          return answer(writes, versions)
        }),
      // Ids and versions only, and to the subject that was told them then: the call's own decision was made anew, and there are no rows to ask about.
      replay: (_, rest: { seed: string; versions: string } | undefined) => {
        if (rest === undefined) throw new AppError('CONFLICT', 'request_id: its answer is not kept any more')
        return answer(readWrites(request.writes, madeIds(rest.seed)), unpackVersions(rest.versions))
      },
    })
  }

const byId = <Row extends { record_id: string }>(rows: readonly Row[]): Map<string, Row> => new Map(rows.map((row) => [row.record_id, row]))

const answer = (writes: readonly Write[], versions: readonly bigint[]) => ({
  results: writes.map(({ recordId, verb }, i) => ({
    recordId,
    etag: verb === 'deleted' ? '' : etagOf(versions[i]!),
    version: versions[i]!,
  })),
})
