import type { Topic } from '../../platform/events/event-log.js'
import type { Statement } from '../../platform/postgres/statement.js'

/** One entry on its way into its tenant's log: the envelope as it came, and what filters see of it. */
export interface Leaf {
  readonly offset: bigint
  readonly tenantId: string
  readonly entryId: string
  /** Microseconds since 1970. */
  readonly timeUs: bigint
  readonly type: string
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: string
  readonly method: string
  readonly decisionId: Uint8Array
  readonly traceId: string
  readonly envelope: Uint8Array
}

/** A message that no repetition makes good. */
export interface SetAside {
  readonly offset: bigint
  readonly key: string
  readonly value: Uint8Array
  readonly reason: string
}

/** A batch of one partition: what follows `expected`, up to but without `next`. */
export interface LeafBatch {
  readonly topic: Topic
  readonly partition: number
  readonly expected: bigint
  readonly next: bigint
  readonly leaves: readonly Leaf[]
  readonly setAside: readonly SetAside[]
}

/**
 * Appends a batch to the logs of its tenants and moves the partition's offset, in one transaction. CONFLICT, and nothing done, when the offset is not
 * at `expected`: another consumer has the partition. To run in the context of the platform tenant.
 */
export const appendLeaves = ({
  topic,
  partition,
  expected,
  next,
  leaves,
  setAside,
}: LeafBatch): Statement<{
  appended: string
  repeated: string
  reused: string
}> => ({
  name: 'append-leaves',
  text: `select appended::text as appended, repeated::text as repeated, reused::text as reused
         from platform.append_leaves(
           $1::text, $2::integer, $3::bigint, $4::bigint, $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[],
           $12::text[], $13::text[], $14::text[], $15::bytea[], $16::text[], $17::bytea[], $18::bigint[], $19::text[], $20::bytea[], $21::text[])`,
  values: [
    topic,
    partition,
    expected.toString(),
    next.toString(),
    leaves.map(({ offset }) => offset.toString()),
    leaves.map(({ tenantId }) => tenantId),
    leaves.map(({ entryId }) => entryId),
    leaves.map(({ timeUs }) => timeUs.toString()),
    leaves.map(({ type }) => type),
    leaves.map(({ actor }) => actor),
    leaves.map(({ action }) => action),
    leaves.map(({ resource }) => resource),
    leaves.map(({ outcome }) => outcome),
    leaves.map(({ method }) => method),
    leaves.map(({ decisionId }) => bytes(decisionId)),
    leaves.map(({ traceId }) => traceId),
    leaves.map(({ envelope }) => bytes(envelope)),
    setAside.map(({ offset }) => offset.toString()),
    setAside.map(({ key }) => key),
    setAside.map(({ value }) => bytes(value)),
    setAside.map(({ reason }) => reason),
  ],
  rows: 1,
  onRows: { reason: 'CONFLICT', message: 'another consumer has the partition' },
  writes: true,
})

const bytes = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength)
