/** Topics of a region. Each event goes to one; audit reads all three. */
export type Topic = 'facts' | 'changes' | 'access'

export const TOPICS: readonly Topic[] = ['facts', 'changes', 'access']

export interface Message {
  /** CloudEvents id: the same bytes every time it is sent. */
  readonly id: string
  /** Tenant id: decides the partition. */
  readonly key: string
  /** `io.cloudevents.v1.CloudEvent`, binary protobuf. */
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

export interface StoredMessage extends Message {
  readonly topic: Topic
  readonly partition: number
  /** Dense from 0 in its partition. */
  readonly offset: bigint
  readonly time: Date
}

export interface Batch {
  readonly topic: Topic
  readonly partition: number
  readonly messages: readonly StoredMessage[]
}

export interface ConsumeOptions {
  readonly group: string
  readonly topics: readonly Topic[]
  /** At least once: the batch comes again when this rejects. Never two batches of one partition at once. */
  readonly onBatch: (batch: Batch, signal: AbortSignal) => Promise<void>
  /** Where a partition goes on: for consumers that keep offsets in their own transaction. Absent: the log keeps them per group. */
  readonly position?: (topic: Topic, partition: number) => Promise<bigint>
  readonly maxBatch?: number
}

export interface Consumer {
  /** Waits for the batch at hand, hands its partitions back. */
  close(): Promise<void>
  /** Messages behind the heads of the partitions it has. */
  lag(): Promise<bigint>
}

/** For each partition (`positionKey`) the offset to read next; one that is absent is read from its beginning. */
export type Position = Readonly<Record<string, bigint>>

export const positionKey = (topic: Topic, partition: number): string => `${topic}/${partition}`

/** The position after a message. */
export const advance = (position: Position, message: StoredMessage): Position => ({
  ...position,
  [positionKey(message.topic, message.partition)]: message.offset + 1n,
})

/**
 * The event log: partitioned topics, ordered within a partition, at least once. Adapters: embedded (Postgres), Kafka. The partition of a key is
 * computed by us (`partitionOf`), the same in all of them.
 */
export interface EventLog {
  /** Resolves when all messages are durable; order within a partition is that of the array. */
  produce(topic: Topic, messages: readonly Message[]): Promise<void>
  consume(options: ConsumeOptions): Promise<Consumer>
  /** Every partition of the topics to this one reader, from a position of its own (absent: from the end). Serves watches, never security. */
  tail(topics: readonly Topic[], from: Position | undefined, signal: AbortSignal): AsyncIterable<StoredMessage>
  /** The position at the end of all partitions: where a tail without one begins. */
  end(topics: readonly Topic[]): Promise<Position>
  ready(): Promise<boolean>
  close(): Promise<void>
}
