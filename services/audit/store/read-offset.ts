import type { Topic } from '../../platform/events/event-log.js'
import type { Statement } from '../../platform/postgres/statement.js'

/** Where the logs go on in a partition of the event log. */
export const readOffset = (topic: Topic, partition: number): Statement<{ next_offset: string }> => ({
  name: 'read-offset',
  text: 'select next_offset::text as next_offset from platform.audit_offset where topic = $1 and partition = $2',
  values: [topic, partition],
  rows: 1,
})
