import type { SealedDraft } from '../platform/events/draft.js'
import type { Call } from '../platform/mesh/call.js'
import { emittingEach } from '../platform/postgres/emitting.js'
import type { Statement } from '../platform/postgres/statement.js'
import type { PlannedWrite } from './batch.js'
import { checkSuccession } from './store/check-succession.js'
import { deleteRecords } from './store/delete-record.js'
import { insertRecords } from './store/insert-records.js'
import { insertTombstones } from './store/insert-tombstones.js'
import { lockRecords } from './store/select-record.js'
import { updateRecords } from './store/update-record.js'

/**
 * The statements of a batch: one per verb, with an event for each row. Rows that are there already are locked first, in the order of their ids;
 * what the batch inserts comes sorted as well, so two batches never wait for each other.
 */
export const batchStatements = (
  call: Call,
  collectionId: string,
  owner: string,
  planned: readonly PlannedWrite[],
  events: readonly SealedDraft[],
): Statement<unknown>[] => {
  const sorted = planned
    .map((one, i) => ({ ...one, recordId: one.write.recordId, event: events[i]! }))
    .sort((a, b) => (a.recordId < b.recordId ? -1 : 1))
  const of = (verb: PlannedWrite['write']['verb']) => sorted.filter((one) => one.write.verb === verb)
  const written = (ones: typeof sorted) => ones.map(({ recordId, version, checked }) => ({ ...checked!, recordId, version }))
  const emit = (statement: Statement<{ record_id: string }>, ones: typeof sorted): Statement<unknown> =>
    emittingEach(statement, 'record_id', new Map(ones.map(({ recordId, event }) => [recordId, event])), call)

  const [created, updated, deleted] = [of('created'), of('updated'), of('deleted')]
  const there = [...updated, ...deleted].map((one) => one.recordId).sort()
  const statements: Statement<unknown>[] = []
  if (there.length > 0) statements.push(lockRecords(call.tenant, collectionId, there))
  if (created.length > 0) {
    const ids = created.map((one) => one.recordId)
    statements.push(emit(insertRecords(call.tenant, collectionId, owner, written(created), false), created))
    statements.push(checkSuccession(call.tenant, collectionId, ids))
  }
  if (updated.length > 0) statements.push(emit(updateRecords(call.tenant, collectionId, written(updated)), updated))
  if (deleted.length > 0) {
    statements.push(emit(deleteRecords(call.tenant, collectionId, deleted), deleted))
    statements.push(insertTombstones(call.tenant, collectionId, deleted))
  }
  return statements
}
