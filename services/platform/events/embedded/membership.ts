import type { Logger } from 'pino'
import type { Topic } from '../event-log.js'
import { sleep } from '../sleep.js'
import type { SqlPool } from '../sql.js'
import type { LeaseRow, PartitionLease } from './store/groups.js'
import { beatGroup, leaveGroup } from './store/groups.js'

/** A partition number that this member has, in all topics of its group. `signal` aborts when it has it no longer. */
export interface Held {
  readonly lease: PartitionLease
  readonly signal: AbortSignal
  /** Asked for by another member: start nothing new on it. */
  surplus: boolean
  /** A batch is at hand. */
  busy: boolean
}

export interface Membership {
  /** By partition number. */
  readonly held: ReadonlyMap<number, Held>
  /** Hands everything back. No batch may be at hand. */
  leave(): Promise<void>
  /** Wakes the heartbeat: a batch ended, there may be something to give back. */
  nudge(): void
}

export interface MembershipOptions {
  readonly pool: SqlPool
  readonly group: string
  readonly member: string
  readonly topics: readonly Topic[]
  readonly leaseMs: number
  readonly log: Logger
  readonly onRebalance?: (partitions: number) => void
}

/**
 * Membership in a consumer group: a heartbeat several times per lease renews what this member has, takes its share of what is free and gives back
 * what others should have. A member whose heartbeats fail counts its leases as lost before the database does: its clock starts when it asked.
 */
export const joinGroup = async (options: MembershipOptions): Promise<Membership> => {
  const { pool, group, member, topics, leaseMs, log, onRebalance } = options
  const held = new Map<number, Held & { abort: AbortController }>()
  const stopped = new AbortController()
  let wake = new AbortController()
  let expires = 0

  const drop = (partition: number): void => {
    held.get(partition)?.abort.abort()
    held.delete(partition)
  }
  const apply = (rows: readonly LeaseRow[], released: readonly number[]): void => {
    for (const partition of released) drop(partition)
    const now = new Map(rows.map((row) => [row.partition, row]))
    for (const [partition, mine] of held) if (now.get(partition)?.generation !== mine.lease.generation) drop(partition)
    let taken = released.length
    for (const { partition, generation, surplus } of rows) {
      const known = held.get(partition)
      if (known !== undefined) known.surplus = surplus
      else {
        const abort = new AbortController()
        held.set(partition, { lease: { group, member, partition, generation }, signal: abort.signal, abort, surplus, busy: false })
        taken += 1
      }
    }
    if (taken > 0) onRebalance?.(held.size)
  }
  const beat = async (): Promise<void> => {
    const release = [...held.values()].filter(({ surplus, busy }) => surplus && !busy).map(({ lease }) => lease.partition)
    // Nothing new is started on them from here on, whether or not the answer comes.
    for (const partition of release) held.get(partition)!.surplus = true
    const asked = performance.now()
    const { rows } = await pool.query<LeaseRow>(beatGroup(group, member, topics, leaseMs, release))
    expires = asked + leaseMs
    apply(rows, release)
  }
  const run = async (): Promise<void> => {
    let failures = 0
    while (!stopped.signal.aborted) {
      const giving = [...held.values()].some(({ surplus }) => surplus)
      await sleep(giving ? leaseMs / 15 : leaseMs / 3, AbortSignal.any([stopped.signal, wake.signal]))
      if (wake.signal.aborted) wake = new AbortController()
      if (stopped.signal.aborted) return
      try {
        await within(beat(), leaseMs / 2)
        failures = 0
      } catch (error) {
        if (failures++ === 0) log.warn({ err: error, group }, 'event log: heartbeat failed')
      }
      if (performance.now() > expires && held.size > 0) {
        log.warn({ group, partitions: held.size }, 'event log: leases lost')
        for (const partition of [...held.keys()]) drop(partition)
      }
    }
  }
  await beat()
  const running = run()
  return {
    held,
    nudge: () => wake.abort(),
    leave: async () => {
      stopped.abort()
      await running
      for (const partition of [...held.keys()]) drop(partition)
      await pool
        .query(leaveGroup(group, member))
        .catch((error: unknown) => log.warn({ err: error, group }, 'event log: leases left to expire'))
    },
  }
}

const within = async (work: Promise<void>, ms: number): Promise<void> => {
  const over = new AbortController()
  work.catch(() => undefined)
  try {
    await Promise.race([work, sleep(ms, over.signal).then(() => Promise.reject(new Error('no answer in time')))])
  } finally {
    over.abort()
  }
}
