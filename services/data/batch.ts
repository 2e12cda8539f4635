import type { JsonObject } from '@bufbuild/protobuf'
import type { BatchWrite } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Call } from '../platform/mesh/call.js'
import { notFound } from '../platform/mesh/errors.js'
import { updatedFields } from './change-record.js'
import { checkAll } from './check-fields.js'
import type { CheckedFields } from './check-fields.js'
import { decideEach } from './decide-each.js'
import type { Definition } from './definition.js'
import { checkEtag } from './etag.js'
import type { MadeIds } from './made-ids.js'
import type { RecordRow } from './store/rows.js'
import { violations } from './violations.js'
import type { Violations } from './violations.js'

/** One write of a batch with the id that it is about. */
export type Write = { readonly recordId: string; readonly place: number } & (
  | { readonly verb: 'created'; readonly fields: JsonObject | undefined; readonly made: boolean }
  | { readonly verb: 'updated'; readonly fields: JsonObject | undefined; readonly mask: readonly string[]; readonly etag: string }
  | { readonly verb: 'deleted'; readonly etag: string }
)

/** A write checked against its row and the collection: what the statements need. */
export interface PlannedWrite {
  readonly write: Write
  /** Of the row that the decision saw; for a create what it will be. */
  readonly version: bigint
  /** After the write; of a delete, that of its tombstone. */
  readonly after: bigint
  readonly checked: CheckedFields | undefined
}

/** The writes of a request, each id once. */
export const readWrites = (writes: readonly BatchWrite[], ids: MadeIds): Write[] => {
  const found = violations()
  const seen = new Set<string>()
  const read = writes.map(({ write }, place): Write => {
    const at = `writes[${place}]`
    let one: Write
    switch (write.case) {
      case 'create': {
        const made = write.value.recordId === ''
        one = { verb: 'created', recordId: made ? ids.at(place) : write.value.recordId, place, fields: write.value.fields, made }
        break
      }
      case 'update':
        one = { verb: 'updated', ...pick(write.value), place, fields: write.value.fields, mask: write.value.updateMask?.paths ?? [] }
        break
      case 'delete':
        one = { verb: 'deleted', ...pick(write.value), place }
        break
      case undefined:
        // The contract requires one; a caller inside the process that skips it is refused all the same.
        found.add(at, 'must create, update or delete')
        return { verb: 'deleted', recordId: '', place, etag: '' }
    }
    if (seen.has(one.recordId)) found.add(`${at}.${write.case}.record_id`, 'must be there once in the batch')
    seen.add(one.recordId)
    return one
  })
  found.end()
  return read
}

const pick = ({ recordId, etag }: { recordId: string; etag: string }) => ({ recordId, etag })

/**
 * Decides each write with its row, a new record with what it will be, and checks it. Throws NOT_FOUND for a record that is not there,
 * PERMISSION_DENIED, INVALID_FIELD, ETAG_MISMATCH, in this order: who may not write learns nothing further.
 */
export const planWrites = async (
  call: Call,
  definition: Definition,
  owner: string,
  writes: readonly Write[],
  seen: { readonly rows: ReadonlyMap<string, RecordRow>; readonly gone: ReadonlyMap<string, { readonly version: bigint }> },
): Promise<PlannedWrite[]> => {
  const found = violations()
  const decide = decideEach(call)
  const planned: PlannedWrite[] = []
  for (const write of writes) {
    if (write.verb === 'created') {
      const checked = checkAll(definition, write.fields, fieldsAt(write), found)
      await decide(owner, checked.classification)
      const after = (seen.gone.get(write.recordId)?.version ?? 0n) + 1n
      planned.push({ write, version: after, after, checked })
      continue
    }
    const row = seen.rows.get(write.recordId)
    if (row === undefined) throw notFound('record')
    const checked = write.verb === 'updated' ? update(definition, row, write, found) : undefined
    await decide(row.owner, row.classification)
    if (checked !== undefined) await decide(row.owner, Math.max(row.classification, checked.classification))
    planned.push({ write, version: row.version, after: row.version + 1n, checked })
  }
  found.end()
  for (const { write, version } of planned) if (write.verb !== 'created') checkEtag(write.etag, version)
  return planned
}

const update = (definition: Definition, row: RecordRow, write: Extract<Write, { verb: 'updated' }>, found: Violations): CheckedFields =>
  updatedFields(definition, row, write.fields, write.mask, fieldsAt(write), found)

const fieldsAt = (write: Write): string => `writes[${write.place}].${write.verb === 'created' ? 'create' : 'update'}.fields`
