import type { JournalObserver } from '../journal/directory-journal.js'
import { AppError } from '../mesh/errors.js'
import { counter, durations, gauge } from '../telemetry/metrics.js'
import type { MetricsRegistry } from '../telemetry/metrics.js'

/** `db.client.operation.duration`: one transaction. */
export const databaseMetrics = (registry: MetricsRegistry): ((seconds: number, error: unknown) => void) => {
  const transactions = durations(
    registry,
    'db_client_operation_duration_seconds',
    'Duration of database transactions',
    ['db_system_name', 'error_type'],
    [{ db_system_name: 'postgresql', error_type: '' }],
  )
  return (seconds, error) => {
    const error_type = error === undefined ? '' : error instanceof AppError ? error.reason : 'INTERNAL'
    transactions.observe({ db_system_name: 'postgresql', error_type }, seconds)
  }
}

/** How long calls may still be decided, and how renewals go. */
export const factMetrics = (
  registry: MetricsRegistry,
  owners: readonly string[],
): { renewal(owner: string, ok: boolean, millis: number): void; watch(age: () => number): void } => {
  const renewals = durations(
    registry,
    'tenantry_facts_renewal_duration_seconds',
    'Duration of renewals of facts at their owners',
    ['owner', 'outcome'],
    [...owners.map((owner) => ({ owner, outcome: 'ok' }))],
  )
  return {
    renewal: (owner, ok, millis) => renewals.observe({ owner, outcome: ok ? 'ok' : 'failed' }, millis / 1000),
    watch: (age) => gauge(registry, 'tenantry_facts_age_seconds', 'Time since the oldest owner of facts answered', () => age() / 1000),
  }
}

/** What waits in the outbox, and what has left it. */
export const relayMetrics = (
  registry: MetricsRegistry,
): { sent(events: number): void; measured(backlog: number, ageSeconds: number): void } => {
  const sent = counter(registry, 'tenantry_outbox_sent', 'Events sent from the outbox to the event log', [], [{}])
  let backlog = 0
  let age = 0
  gauge(registry, 'tenantry_outbox_backlog', 'Events that wait in the outbox', () => backlog)
  gauge(registry, 'tenantry_outbox_age_seconds', 'Age of the oldest event in the outbox', () => age)
  return {
    sent: (events) => sent.inc(events),
    measured: (waiting, seconds) => {
      backlog = waiting
      age = seconds
    },
  }
}

/** The journal of the process. */
export const journalMetrics = (registry: MetricsRegistry): Required<Pick<JournalObserver, 'flushed' | 'relayed' | 'unrelayed'>> => {
  const flushes = durations(
    registry,
    'tenantry_journal_flush_duration_seconds',
    'Duration of flushes of access records',
    ['outcome'],
    [{ outcome: 'ok' }],
  )
  const records = counter(registry, 'tenantry_journal_records', 'Access records written', [], [{}])
  const relayed = counter(registry, 'tenantry_journal_relayed', 'Access records sent to the event log', [], [{}])
  let waiting = 0
  gauge(registry, 'tenantry_journal_unrelayed_bytes', 'Bytes of access records that wait to be sent', () => waiting)
  return {
    flushed: (flush) => {
      flushes.observe({ outcome: 'ok' }, flush.seconds)
      records.inc(flush.records)
    },
    relayed: (count) => relayed.inc(count),
    unrelayed: (bytes) => {
      waiting = bytes
    },
  }
}
