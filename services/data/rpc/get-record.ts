import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { classificationName } from '../classification.js'
import type { DataService } from '../deps.js'
import { toRecord } from '../map.js'
import { selectRecord } from '../store/select-record.js'
import { unmasked, visibleOf } from '../visible.js'

/** One record, if the policy lets the caller see a row of that owner and classification. Another tenant's is as one that is not there. */
export const getRecord =
  ({ db }: DataService): Rpc<typeof RecordService.method.getRecord> =>
  async (request, call) => {
    const { collectionId, recordId } = request
    const [[row]] = await db.run(call, selectRecord({ tenantId: call.tenant, collectionId, recordId }))
    if (row === undefined) throw notFound('record')
    const decision = await call.decideWithRow({ owner: row.owner, classification: classificationName(row.classification) })
    return { record: toRecord(call.tenant, collectionId, row, unmasked(row.clear, visibleOf(decision.obligations).masked)) }
  }
