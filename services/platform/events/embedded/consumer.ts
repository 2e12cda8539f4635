import type { Logger } from 'pino'
import { base32, uuid7 } from '../../ids.js'
import type { Consumer, ConsumeOptions, StoredMessage, Topic } from '../event-log.js'
import { sleep } from '../sleep.js'
import type { SqlPool } from '../sql.js'
import type { Held } from './membership.js'
import { joinGroup } from './membership.js'
import { commitOffset, readPosition } from './store/groups.js'
import type { HeadRow, MessageRow } from './store/messages.js'
import { readHeads, readMessages } from './store/messages.js'

export interface EmbeddedConsumerOptions {
  readonly pool: SqlPool
  readonly log: Logger
  readonly leaseMs: number
  /** Milliseconds between polls: the first while there is work, growing to the second while there is none. */
  readonly poll: readonly [number, number]
  /** Partitions worked on at once. */
  readonly concurrency: number
  readonly onRebalance?: (partitions: number) => void
}

const MAX_BATCH_BYTES = 4 * 1024 * 1024

/** A member of a consumer group: one batch at a time for each partition number, whatever the topic, so that all of a tenant comes in one line. */
export const startConsumer = async (options: EmbeddedConsumerOptions, consume: ConsumeOptions): Promise<Consumer> => {
  const { pool, log, poll, concurrency } = options
  const { group, topics, maxBatch = 500 } = consume
  const member = base32(uuid7())
  const membership = await joinGroup({ ...options, group, member, topics })
  const positions = new Map<string, bigint>()
  const heads = new Map<string, bigint>()
  const retryAt = new Map<number, { at: number; failures: number }>()
  // By partition number, not by lease: a batch that outlives its lease still keeps the next one of its partition waiting.
  const working = new Map<number, Promise<void>>()
  const stopped = new AbortController()

  const startOf = async (topic: Topic, partition: number): Promise<bigint> => {
    if (consume.position !== undefined) return consume.position(topic, partition)
    const { rows } = await pool.query<{ next_offset: string }>(readPosition(group, topic, partition))
    return BigInt(rows[0]?.next_offset ?? 0)
  }
  const position = async (held: Held, topic: Topic): Promise<bigint> => {
    const key = keyOf(held, topic)
    const known = positions.get(key) ?? (await startOf(topic, held.lease.partition))
    positions.set(key, known)
    return known
  }

  /** One batch of one topic; whether there may be more. */
  const step = async (held: Held, topic: Topic): Promise<boolean> => {
    const { partition } = held.lease
    const from = await position(held, topic)
    const head = heads.get(`${topic}/${partition}`) ?? 0n
    if (from >= head) return false
    const { rows } = await pool.query<MessageRow>(readMessages(topic, partition, from, maxBatch, MAX_BATCH_BYTES))
    if (rows.length === 0) return false
    const messages = rows.map((row) => storedMessage(topic, partition, row))
    if (held.signal.aborted) return false
    await consume.onBatch({ topic, partition, messages }, AbortSignal.any([held.signal, stopped.signal]))
    const next = messages.at(-1)!.offset + 1n
    const { rows: answer } = await pool.query<{ committed: boolean }>(commitOffset(held.lease, topic, next))
    if (answer[0]?.committed !== true) return false
    positions.set(keyOf(held, topic), next)
    return next < head
  }
  const work = async (held: Held): Promise<void> => {
    const { partition } = held.lease
    held.busy = true
    try {
      for (let more = true; more && usable(held);) {
        more = false
        for (const topic of topics) if (usable(held)) more = (await step(held, topic)) || more
      }
      retryAt.delete(partition)
    } catch (error) {
      // The batch comes again: from where the group, or the consumer's own transaction, stands.
      for (const topic of topics) positions.delete(keyOf(held, topic))
      const failures = (retryAt.get(partition)?.failures ?? 0) + 1
      retryAt.set(partition, { at: performance.now() + Math.min(50 * 2 ** failures, 5_000), failures })
      if (!held.signal.aborted) log.warn({ err: error, group, partition, failures }, 'event log: batch failed, it comes again')
    } finally {
      held.busy = false
      if (held.surplus) membership.nudge()
    }
  }
  const usable = (held: Held): boolean => !held.surplus && !held.signal.aborted && !stopped.signal.aborted

  const refreshHeads = async (): Promise<void> => {
    const { rows } = await pool.query<HeadRow>(readHeads(topics))
    for (const row of rows) heads.set(`${row.topic}/${row.partition}`, BigInt(row.next_offset))
  }
  /** Starts work on partitions that are behind; whether there was any. */
  const startWork = (): boolean => {
    let any = false
    for (const held of membership.held.values()) {
      if (working.size >= concurrency) return true
      const behind = topics.some(
        (topic) => (positions.get(keyOf(held, topic)) ?? -1n) < (heads.get(`${topic}/${held.lease.partition}`) ?? 0n),
      )
      if (!behind || working.has(held.lease.partition) || !usable(held) || performance.now() < (retryAt.get(held.lease.partition)?.at ?? 0))
        continue
      any = true
      working.set(
        held.lease.partition,
        work(held).finally(() => working.delete(held.lease.partition)),
      )
    }
    return any
  }
  const run = async (): Promise<void> => {
    let wait = poll[0]
    while (!stopped.signal.aborted) {
      try {
        await refreshHeads()
        wait = startWork() ? poll[0] : Math.min(wait * 1.5, poll[1])
      } catch (error) {
        wait = 1_000
        log.warn({ err: error, group }, 'event log: poll failed')
      }
      await sleep(wait, stopped.signal)
    }
  }
  const running = run()
  return {
    close: async () => {
      stopped.abort()
      await running
      await Promise.all(working.values())
      await membership.leave()
    },
    lag: async () => {
      await refreshHeads()
      let lag = 0n
      for (const held of membership.held.values()) {
        for (const topic of topics) lag += (heads.get(`${topic}/${held.lease.partition}`) ?? 0n) - (await position(held, topic))
      }
      return lag
    },
  }
}

// The generation is in the key: what was known under an earlier lease is not believed under a later one.
const keyOf = ({ lease }: Held, topic: Topic): string => `${topic}/${lease.partition}/${lease.generation}`

export const storedMessage = (topic: Topic, partition: number, row: MessageRow): StoredMessage => ({
  topic,
  partition,
  offset: BigInt(row.offset),
  time: row.time,
  id: row.id,
  key: row.key,
  value: row.value,
  headers: row.headers,
})
