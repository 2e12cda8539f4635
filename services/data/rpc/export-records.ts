import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { DataService } from '../deps.js'
import { toRecord } from '../map.js'
import { readPage, recordQuery } from '../record-query.js'
import { unmasked, visibleTo } from '../visible.js'

const PAGE = 500

/**
 * Every record that the decision lets the caller see, in the order of ids. Each page is a transaction of its own and is read only once the one
 * before has been taken, so a slow reader holds one page and no connection.
 */
export const exportRecords = ({ db, collections }: DataService): Rpc<typeof RecordService.method.exportRecords> =>
  async function* (request, call) {
    const { collectionId } = request
    let after: readonly unknown[] | undefined = request.afterRecordId === '' ? undefined : [request.afterRecordId]
    do {
      // What may be seen is asked of the call each time: a stream is decided again when policy or facts change.
      const visible = visibleTo(call)
      const page = await collections.using(call, collectionId, (definition) =>
        readPage(db, call, recordQuery(call.tenant, definition, visible, request.filter, ''), after, PAGE),
      )
      if (page.rows.length > 0)
        yield { records: page.rows.map((row) => toRecord(call.tenant, collectionId, row, unmasked(row.clear, visible.masked))) }
      after = page.next
    } while (after !== undefined)
  }
