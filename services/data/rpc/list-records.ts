import type { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { DataService } from '../deps.js'
import { toRecord } from '../map.js'
import { pageBinding } from '../page-binding.js'
import { readPage, recordQuery } from '../record-query.js'
import { unmasked, visibleTo } from '../visible.js'

/** A page of the records that the decision lets the caller see. It may have fewer than asked for while more follow: pages end at 2 MiB, too. */
export const listRecords =
  ({ db, collections, pageTokens }: DataService): Rpc<typeof RecordService.method.listRecords> =>
  async (request, call) => {
    const { collectionId } = request
    const visible = visibleTo(call)
    return collections.using(call, collectionId, async (definition) => {
      const query = recordQuery(call.tenant, definition, visible, request.filter, request.orderBy)
      const binding = pageBinding(call, request.filter, request.orderBy, `${collectionId}/${definition.version}`)
      const after = request.pageToken === '' ? undefined : (JSON.parse(pageTokens.open(binding, request.pageToken)) as (string | null)[])
      const { rows, next } = await readPage(db, call, query, after, request.pageSize || 50)
      return {
        records: rows.map((row) => toRecord(call.tenant, collectionId, row, unmasked(row.clear, visible.masked))),
        nextPageToken: next === undefined ? '' : pageTokens.seal(binding, JSON.stringify(next)),
      }
    })
  }
