import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { newId } from '../../ids.js'
import { testDatabase } from '../../postgres/testing.js'
import type { TestDatabase } from '../../postgres/testing.js'
import { describeEventLog } from '../event-log.contract.js'
import type { Message } from '../event-log.js'
import { partitionOf } from '../partition.js'
import type { SqlPool } from '../sql.js'
import { inTransaction } from '../sql.js'
import { createEmbeddedLog } from './log.js'
import { eventLogMigrations } from './schema/migrations.js'
import { beatGroup, commitOffset } from './store/groups.js'
import type { LeaseRow } from './store/groups.js'
import { appendMessages, expireMessages, readMessages } from './store/messages.js'
import type { MessageRow } from './store/messages.js'

const log = pino({ level: 'silent' })
const events = (): Promise<TestDatabase> => testDatabase({ service: 'events', migrations: eventLogMigrations.map(({ text }) => text) })
const messages = (count: number, key: string): Message[] =>
  Array.from({ length: count }, () => ({ id: newId('evt'), key, value: Buffer.alloc(100), headers: {} }))

describeEventLog('embedded', async () => {
  const database = await events()
  return {
    takeoverMs: 20_000,
    open: async () => {
      let crashed = false
      const pool = (role: string): SqlPool => {
        const of = database.pool(role)
        const gone = () => Promise.reject(new Error('gone'))
        return { connect: () => (crashed ? gone() : of.connect()), query: (query) => (crashed ? gone() : of.query(query)) }
      }
      const made = createEmbeddedLog({
        producer: pool('events_producer'),
        consumer: pool('events_consumer'),
        log,
        leaseMs: 2_000,
        poll: [5, 20],
      })
      return { log: made, crash: async () => void (crashed = true) }
    },
    close: () => database.close(),
  }
})

describe('the database of the embedded log', () => {
  let database: TestDatabase
  let producer: SqlPool
  let consumer: SqlPool
  beforeAll(async () => {
    database = await events()
    producer = database.pool('events_producer')
    consumer = database.pool('events_consumer')
  })
  afterAll(() => database.close())
  const offsets = async (key: string, from = 0n): Promise<bigint[]> => {
    const { rows } = await consumer.query<MessageRow>(readMessages('changes', partitionOf(key), from, 1_000, 1e9))
    return rows.map(({ offset }) => BigInt(offset))
  }
  const batchOf = async (key: string, bytes: number): Promise<number> =>
    (await consumer.query<MessageRow>(readMessages('changes', partitionOf(key), 0n, 100, bytes))).rows.length

  it('lets nobody but its functions change a row', async () => {
    await producer.query(appendMessages('facts', messages(1, newId('ten'))))
    const attempts: [SqlPool, string][] = [
      [producer, 'select * from log.message'],
      [producer, "insert into log.message values ('facts', 0, 99, 'x', 'x', '', '{}')"],
      [producer, "select log.expire(interval '0', 0, 100)"],
      [consumer, "insert into log.message values ('facts', 0, 99, 'x', 'x', '', '{}')"],
      [consumer, "update log.message set value = ''"],
      [consumer, 'delete from log.message'],
      [consumer, 'update log.position set next_offset = 0'],
      [consumer, "select log.append('facts', '{0}', '{x}', '{x}', '{x}', array['{}'::jsonb])"],
    ]
    for (const [pool, text] of attempts) await expect(pool.query({ text })).rejects.toThrow(/permission denied/)
    // The same statements are good ones: with every right they go through.
    for (const [, text] of attempts.slice(4)) await database.query(text)
  })

  it('refuses an unknown topic rather than lose its messages', async () => {
    await expect(producer.query(appendMessages('nosuch' as 'facts', messages(1, newId('ten'))))).rejects.toThrow(
      'unknown topic or partition',
    )
  })

  it('gives offsets under the lock of the partition: nothing appears behind what a reader saw', async () => {
    const key = newId('ten')
    const before = (await offsets(key)).length
    let second: Promise<unknown> | undefined
    await inTransaction(producer, 'begin', async (client) => {
      await client.query(appendMessages('changes', messages(2, key)))
      second = producer.query(appendMessages('changes', messages(2, key)))
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(await offsets(key)).toHaveLength(before)
    })
    await second
    const all = await offsets(key)
    expect(all).toEqual(all.map((_, i) => BigInt(i)))
    expect(all).toHaveLength(before + 4)
  })

  it('never deadlocks batches that touch the same partitions in other orders', async () => {
    const keys = Array.from({ length: 24 }, () => newId('ten'))
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const order = i % 2 === 0 ? keys : [...keys].reverse()
        return producer.query(
          appendMessages(
            'facts',
            order.map((key) => messages(1, key)[0]!),
          ),
        )
      }),
    )
  })

  it('bounds a batch by bytes, but for its first message', async () => {
    const key = newId('ten')
    await producer.query(appendMessages('changes', messages(10, key)))
    expect(await batchOf(key, 1)).toBe(1)
    expect(await batchOf(key, 301)).toBe(4)
  })

  it('counts a batch of a member that lost its partition for nothing', async () => {
    const group = newId('op')
    const { rows } = await consumer.query<LeaseRow>(beatGroup(group, 'a', ['facts'], 50, []))
    const lease = { group, member: 'a', partition: 0, generation: rows.find(({ partition }) => partition === 0)!.generation }
    const commit = async (of: typeof lease, next: bigint) =>
      (await consumer.query<{ committed: boolean }>(commitOffset(of, 'facts', next))).rows[0]!.committed
    expect(await commit(lease, 1n)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 80))
    await consumer.query(beatGroup(group, 'b', ['facts'], 5_000, []))
    expect(await commit(lease, 2n)).toBe(false)
  })

  describe('retention', () => {
    it('drops what is old or too much, in bounded steps, and never what a group has not had', async () => {
      const fresh = await events()
      const [produce, consume] = [fresh.pool('events_producer'), fresh.pool('events_consumer')]
      const key = newId('ten')
      const left = async () => (await fresh.query<{ n: number }>('select count(*)::int as n from log.message'))[0]!.n
      const expire = async (age: number, bytes: number, limit = 100) =>
        (await consume.query<{ deleted: number }>(expireMessages(age, bytes, limit))).rows[0]!.deleted
      await produce.query(appendMessages('changes', messages(50, key)))
      // Nobody reads the topic yet: everything stays, however old.
      expect(await expire(0, 0)).toBe(0)
      const { rows } = await consume.query<LeaseRow>(beatGroup('audit', 'a', ['changes'], 5_000, []))
      expect(await expire(0, 0)).toBe(0)
      const partition = partitionOf(key)
      const { generation } = rows.find((row) => row.partition === partition)!
      await consume.query(commitOffset({ group: 'audit', member: 'a', partition, generation }, 'changes', 40n))
      expect(await expire(3600, 1e9)).toBe(0)
      expect(await expire(0, 0, 15)).toBe(15)
      // 35 messages of 100 bytes: down to 2,000 bytes.
      expect(await expire(3600, 2_000)).toBe(15)
      expect(await expire(0, 0)).toBe(10)
      expect(await left()).toBe(10)
      const [head] = await fresh.query<{ first: string; bytes: string }>(
        `select first_offset::text as first, bytes::text as bytes from log.partition where topic = 'changes' and partition = ${partition}`,
      )
      expect(head).toEqual({ first: '40', bytes: '1000' })
      await fresh.close()
    })
  })
})
