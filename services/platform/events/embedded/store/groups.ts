import type { Topic } from '../../event-log.js'
import type { SqlQuery } from '../../sql.js'

export interface LeaseRow {
  readonly partition: number
  readonly generation: string
  /** To be given back once the batch at hand is done. */
  readonly surplus: boolean
}

/** One heartbeat of a member of a group: what it has from now on. */
export const beatGroup = (
  group: string,
  member: string,
  topics: readonly Topic[],
  leaseMs: number,
  release: readonly number[],
): SqlQuery => ({
  name: 'beat-group',
  text: `select partition, generation::text as generation, surplus
         from log.beat($1::text, $2::text, $3::text[], make_interval(secs => $4::float8 / 1000), $5::integer[])`,
  values: [group, member, topics, leaseMs, release],
})

export const leaveGroup = (group: string, member: string): SqlQuery => ({
  name: 'leave-group',
  text: 'select log.leave($1::text, $2::text)',
  values: [group, member],
})

export interface PartitionLease {
  readonly group: string
  readonly member: string
  readonly partition: number
  readonly generation: string
}

/** Notes how far a group has come; `committed` is false when the partition is another member's by now. */
export const commitOffset = (lease: PartitionLease, topic: Topic, next: bigint): SqlQuery => ({
  name: 'commit-offset',
  text: 'select log.commit_offset($1::text, $2::text, $3::bigint, $4::text, $5::integer, $6::bigint) as committed',
  values: [lease.group, lease.member, lease.generation, topic, lease.partition, next.toString()],
})

/** Where a group goes on in a partition; no row: at its beginning. */
export const readPosition = (group: string, topic: Topic, partition: number): SqlQuery => ({
  name: 'read-position',
  text: 'select next_offset::text as next_offset from log.position where group_name = $1 and topic = $2 and partition = $3',
  values: [group, topic, partition],
})
