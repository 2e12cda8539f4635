/**
 * A row of `platform.outbox`, as the relay reads it. The table, in every service database (one event a row, tenant first in its key):
 *
 *   tenant_id text, id text, seq bigint generated always as identity, topic text, type text, subject text, version bigint, ordinal integer,
 *   decision_id bytea, action text, time timestamptz, actor jsonb, region text, trace_id text, traceparent text, changed_fields text[],
 *   attributes jsonb, fact jsonb, sealed bytea[]
 *   primary key (tenant_id, id), index (seq)
 *
 * `seq` only sorts: nothing is skipped when a transaction with a low one commits late, because the relay deletes what was sent and keeps no cursor.
 * `actor` and `fact` are the JSON forms of tenantry.events.v1.Actor and tenantry.facts.v1.Fact; each element of `sealed` is one encoded SealedPart.
 */
export interface OutboxRow {
  readonly tenant_id: string
  readonly id: string
  readonly topic: string
  readonly type: string
  readonly subject: string
  /** Decimal text: 64 bits. */
  readonly version: string
  readonly ordinal: number
  readonly decision_id: Uint8Array
  readonly action: string
  /** Microseconds since 1970, decimal text: a Date would lose three digits. */
  readonly time_us: string
  readonly actor: unknown
  readonly region: string
  readonly trace_id: string
  readonly traceparent: string
  readonly changed_fields: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  readonly fact: unknown
  readonly sealed: readonly Uint8Array[]
}
