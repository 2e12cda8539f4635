import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { createEmbeddedLog } from '../platform/events/embedded/log.js'
import { eventLogMigrations } from '../platform/events/embedded/schema/migrations.js'
import { eventMessage } from '../platform/events/envelope.js'
import type { EventLog, Message } from '../platform/events/event-log.js'
import type { OutboxRow } from '../platform/events/outbox-columns.js'
import { outboxRow } from '../platform/events/testing.js'
import type { Call } from '../platform/mesh/call.js'
import { deadlineIn, testDatabase } from '../platform/postgres/testing.js'
import type { TestDatabase } from '../platform/postgres/testing.js'

export const silent = pino({ level: 'silent' })
export const noTracer = trace.getTracer('none')

export interface AuditFixture {
  readonly audit: TestDatabase
  readonly eventLog: EventLog
  /** The leaves of a tenant, in order. */
  leaves(tenantId: string): Promise<{ index: bigint; id: string; envelope: Buffer }[]>
  setAside(): Promise<{ reason: string; value: Buffer }[]>
  close(): Promise<void>
}

/** An audit database and an event log of their own. */
export const startFixture = async (): Promise<AuditFixture> => {
  const [audit, events] = await Promise.all([
    testDatabase({ service: 'audit', migrations: new URL('./migrations/', import.meta.url) }),
    testDatabase({ service: 'events', migrations: eventLogMigrations.map(({ text }) => text) }),
  ])
  const eventLog = createEmbeddedLog({
    producer: events.pool('events_producer'),
    consumer: events.pool('events_consumer'),
    log: silent,
    leaseMs: 600,
    poll: [5, 20],
  })
  return {
    audit,
    eventLog,
    leaves: (tenantId) =>
      audit.query('select leaf_index as index, entry_id as id, envelope from pool.leaf where tenant_id = $1 order by leaf_index', [
        tenantId,
      ]),
    setAside: () => audit.query('select reason, value from platform.set_aside order by topic, partition, message_offset'),
    close: async () => {
      await eventLog.close()
      await Promise.all([audit.close(), events.close()])
    },
  }
}

/** The message of an event of a tenant. */
export const event = (tenantId: string, over: Partial<OutboxRow> = {}): Message =>
  eventMessage(outboxRow({ tenant_id: tenantId, ...over }), 'data')

/** What the chain would have established of a call. */
export const testCall = (tenant: string, method: string, subject = 'usr_1'): Call =>
  ({
    tenant,
    deadline: deadlineIn(10_000),
    mayWrite: true,
    span: noTracer.startSpan('test'),
    method: { name: method },
    log: silent,
    subject: { id: subject },
    workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/gateway' },
  }) as unknown as Call

/** Waits for something to become true, for 15 s at most. */
export const until = async (done: () => Promise<boolean> | boolean): Promise<void> => {
  const end = performance.now() + 15_000
  while (!(await done())) {
    if (performance.now() > end) throw new Error('did not become true in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
