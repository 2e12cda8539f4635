import type { ImportRecord } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../platform/ids.js'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import { emittingEach } from '../platform/postgres/emitting.js'
import { attempts } from './attempts.js'
import { checkAll } from './check-fields.js'
import { decideEach } from './decide-each.js'
import type { Definition } from './definition.js'
import type { DataService } from './deps.js'
import { recordEvent } from './events.js'
import { ownerOf } from './owner.js'
import { checkSuccession } from './store/check-succession.js'
import { insertRecords } from './store/insert-records.js'
import type { BatchRecord } from './store/insert-records.js'
import { violations } from './violations.js'

export interface ImportBatch {
  readonly collectionId: string
  readonly records: readonly ImportRecord[]
  /** Place of the first of them in the stream. */
  readonly from: number
  /** A record whose id is taken is skipped rather than an error. */
  readonly skip: boolean
}

type Checked = BatchRecord & { readonly changed: readonly string[] }

/** Stores one batch of an import in one transaction: all of it, less what may be skipped. */
export const storeBatch = async (service: DataService, call: Call, batch: ImportBatch): Promise<{ created: number; skipped: number }> => {
  const checked = await service.collections.using(call, batch.collectionId, (definition) => check(definition, batch))
  const decide = decideEach(call)
  for (const { classification } of checked) await decide(ownerOf(call), classification)
  const created = await store(service, call, batch, checked)
  return { created, skipped: batch.records.length - created }
}

const check = (definition: Definition, batch: ImportBatch): Checked[] => {
  const found = violations()
  const byId = new Map<string, Checked>()
  for (const [i, record] of batch.records.entries()) {
    if (found.full) break
    const checked = checkAll(definition, record.fields, `records[${batch.from + i}].fields`, found)
    const recordId = record.recordId === '' ? newId('rec') : record.recordId
    if (!byId.has(recordId)) byId.set(recordId, { ...checked, recordId })
    else if (!batch.skip) throw new AppError('ALREADY_EXISTS', 'a record of that id exists')
  }
  found.end()
  return [...byId.values()].sort((a, b) => (a.recordId < b.recordId ? -1 : 1))
}

/** Events that turn out not to have happened are taken back: the call's record counts those that did. */
const store = async ({ db, seal }: DataService, call: Call, batch: ImportBatch, records: readonly Checked[]): Promise<number> => {
  const { collectionId } = batch
  const ids = records.map((record) => record.recordId)
  const events = new Map(
    records.map((record) => [
      record.recordId,
      seal(recordEvent('created', call.tenant, collectionId, record.recordId, record.changed), call),
    ]),
  )
  const drop = (): void => call.dropEvents?.([...events.values()].map(({ id }) => id))
  try {
    const insert = insertRecords(call.tenant, collectionId, ownerOf(call), records, batch.skip)
    const [rows] = await attempts(() =>
      db.run(call, emittingEach(insert, 'record_id', events, call), checkSuccession(call.tenant, collectionId, ids)),
    )
    for (const row of rows) events.delete(row.record_id)
    drop()
    return rows.length
  } catch (error) {
    drop()
    throw error
  }
}
