import { partitionOf } from '../../partition.js'
import type { Message, Topic } from '../../event-log.js'
import type { SqlQuery } from '../../sql.js'

/** Appends messages to their partitions, durable when it answers. */
export const appendMessages = (topic: Topic, messages: readonly Message[]): SqlQuery => ({
  name: 'append-messages',
  text: 'select log.append($1::text, $2::integer[], $3::text[], $4::text[], $5::bytea[], $6::jsonb[])',
  values: [
    topic,
    messages.map(({ key }) => partitionOf(key)),
    messages.map(({ id }) => id),
    messages.map(({ key }) => key),
    messages.map(({ value }) => Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
    messages.map(({ headers }) => JSON.stringify(headers)),
  ],
})

export interface HeadRow {
  readonly topic: Topic
  readonly partition: number
  readonly next_offset: string
}

/** The next offset of every partition of the topics. */
export const readHeads = (topics: readonly Topic[]): SqlQuery => ({
  name: 'read-heads',
  text: 'select topic, partition, next_offset::text as next_offset from log.partition where topic = any ($1::text[])',
  values: [topics],
})

export interface MessageRow {
  readonly offset: string
  readonly id: string
  readonly key: string
  readonly value: Buffer
  readonly headers: Record<string, string>
  readonly time: Date
}

/** Messages from an offset on: at most so many, and so many bytes (but one message at least). */
export const readMessages = (topic: Topic, partition: number, from: bigint, limit: number, bytes: number): SqlQuery => ({
  name: 'read-messages',
  text: `select "offset"::text as offset, id, key, value, headers, time
         from (select m.*, sum(octet_length(value)) over (order by "offset") - octet_length(value) as before
               from (select * from log.message where topic = $1 and partition = $2 and "offset" >= $3::bigint order by "offset" limit $4) m) m
         where before < $5::bigint
         order by m."offset"`,
  values: [topic, partition, from.toString(), limit, bytes],
})

/** Deletes a bounded number of old messages that every group has had. */
export const expireMessages = (ageSeconds: number, bytes: number, limit: number): SqlQuery => ({
  name: 'expire-messages',
  text: 'select log.expire(make_interval(secs => $1::float8), $2::bigint, $3::integer)::int as deleted',
  values: [ageSeconds, bytes, limit],
})
