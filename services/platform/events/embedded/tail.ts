import type { Position, StoredMessage, Topic } from '../event-log.js'
import { positionKey } from '../event-log.js'
import { sleep } from '../sleep.js'
import type { SqlPool } from '../sql.js'
import { storedMessage } from './consumer.js'
import type { HeadRow, MessageRow } from './store/messages.js'
import { readHeads, readMessages } from './store/messages.js'

const BATCH = 200
const BATCH_BYTES = 1024 * 1024

/** The heads of all partitions of the topics: a position at their end. */
export const readEnd = async (pool: SqlPool, topics: readonly Topic[]): Promise<Record<string, bigint>> => {
  const { rows } = await pool.query<HeadRow>(readHeads(topics))
  return Object.fromEntries(rows.map((row) => [positionKey(row.topic, row.partition), BigInt(row.next_offset)]))
}

/** Every message of the topics after a position, as long as the reader wants them; it reads no faster than its reader takes them. */
export async function* tailLog(
  pool: SqlPool,
  topics: readonly Topic[],
  from: Position | undefined,
  poll: readonly [number, number],
  signal: AbortSignal,
): AsyncGenerator<StoredMessage> {
  const at: Record<string, bigint> = { ...(from ?? (await readEnd(pool, topics))) }
  let wait = poll[0]
  while (!signal.aborted) {
    let any = false
    const { rows: heads } = await pool.query<HeadRow>(readHeads(topics))
    for (const { topic, partition, next_offset } of heads) {
      const key = positionKey(topic, partition)
      if ((at[key] ?? 0n) >= BigInt(next_offset)) continue
      const { rows } = await pool.query<MessageRow>(readMessages(topic, partition, at[key] ?? 0n, BATCH, BATCH_BYTES))
      for (const row of rows) {
        if (signal.aborted) return
        any = true
        yield storedMessage(topic, partition, row)
        at[key] = BigInt(row.offset) + 1n
      }
    }
    wait = any ? poll[0] : Math.min(wait * 1.5, poll[1])
    if (!any) await sleep(wait, signal)
  }
}
