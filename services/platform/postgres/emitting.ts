import { createHash } from 'node:crypto'
import { toBinary } from '@bufbuild/protobuf'
import type { Span } from '@opentelemetry/api'
import { SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { SealedDraft } from '../events/draft.js'
import type { Subject, Workload } from '../mesh/call.js'
import type { Statement } from './statement.js'

/** What an event takes from the call that makes the change: a `Call`, or a `systemCall`. */
export interface EmittingCall {
  readonly tenant: string
  readonly decisionId: Uint8Array
  readonly span: Span
  readonly region?: string
  readonly traceId?: string
  readonly workload?: Pick<Workload, 'spiffeId' | 'service'>
  readonly subject?: Subject
  readonly method?: { readonly name: string; readonly option?: { readonly action: string } }
}

/** What all events of a call have in common, in the order of their parameters. */
const CALL_COLUMNS = ['decision_id', 'action', 'actor', 'region', 'trace_id', 'traceparent'] as const
const CALL_TYPES = ['bytea', 'text', 'jsonb', 'text', 'text', 'text'] as const

const callValues = (call: EmittingCall): unknown[] => [
  call.decisionId,
  call.method?.option?.action ?? '',
  JSON.stringify(actorOf(call)),
  call.region ?? 'local',
  call.traceId ?? '',
  traceparentOf(call.span),
]

/** JSON of tenantry.events.v1.Actor: empty fields are left out, as protobuf does. */
const actorOf = ({ workload, subject }: EmittingCall): Record<string, string> => {
  const from: Record<string, string> = workload === undefined ? {} : { workload: workload.spiffeId }
  if (subject !== undefined)
    return { ...from, subject: subject.id, kind: subject.kind, tenantId: subject.tenant, sessionId: subject.session }
  return { ...from, kind: workload?.service === 'gateway' ? 'anonymous' : 'workload' }
}

const traceparentOf = (span: Span): string => {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return /^0+$/.test(traceId) ? '' : `00-${traceId}-${spanId}-${(traceFlags & 1) === 1 ? '01' : '00'}`
}

const partsOf = ({ sealed }: SealedDraft): Buffer[] => sealed.map((part) => Buffer.from(toBinary(SealedPartSchema, part)))

const EVENT_COLUMNS = 'tenant_id, id, topic, type, subject, ordinal, changed_fields, attributes'

/** `$n::type` for each type, from `first` on. */
const parameters = (first: number, types: readonly string[]): string => types.map((type, i) => `$${first + i}::${type}`).join(', ')

/**
 * The change with its event, in one statement: the event's row is inserted from the change's RETURNING, so that no row changed is no event. The RETURNING
 * must have `version`. Meant for a change of one row; for more, `emittingEach`.
 */
export const emitting = <Row>(statement: Statement<Row>, draft: SealedDraft, call: EmittingCall): Statement<Row> => {
  const first = statement.values.length + 1
  const own = ['text', 'text', 'text', 'text', 'text', 'int', 'text[]', 'jsonb', 'bytea[]']
  const part = `emitted as (insert into platform.outbox (${EVENT_COLUMNS}, sealed, ${CALL_COLUMNS.join(', ')}, version, fact)
    select ${parameters(first, [...own, ...CALL_TYPES])}, changed.version, ${draft.factSql ?? 'null::jsonb'} from changed)`
  return withPart(
    statement,
    '+event',
    draft.factSql,
    part,
    [draft.id],
    [
      draft.tenant ?? call.tenant,
      draft.id,
      draft.topic,
      draft.type,
      draft.subject,
      draft.ordinal,
      draft.changedFields ?? [],
      JSON.stringify(draft.attributes ?? {}),
      partsOf(draft),
      ...callValues(call),
    ],
  )
}

/**
 * A change of many rows with an event for each: `key` is the column of RETURNING that names the row, `drafts` has the event of each key. A changed row
 * without a draft fails the statement. All drafts share one `factSql`.
 */
export const emittingEach = <Row, K extends string & keyof Row>(
  statement: Statement<Row>,
  key: K,
  drafts: ReadonlyMap<string, SealedDraft>,
  call: EmittingCall,
): Statement<Row> => {
  if (!/^[a-z_]+$/.test(key)) throw new Error('the key of emittingEach must be a column')
  const list = [...drafts.values()]
  const factSql = list[0]?.factSql
  if (list.some((draft) => draft.factSql !== factSql)) throw new Error('drafts of one statement must have the same factSql')
  const first = statement.values.length + 1
  // Arrays of arrays would have to be rectangular: names of fields go as JSON, sealed parts as hex joined by commas.
  const own = ['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'int[]', 'jsonb[]', 'jsonb[]', 'text[]']
  const part = `emitted as (insert into platform.outbox (${EVENT_COLUMNS}, sealed, ${CALL_COLUMNS.join(', ')}, version, fact)
    select draft.tenant_id, draft.id, draft.topic, draft.type, draft.subject, draft.ordinal,
      array(select jsonb_array_elements_text(draft.changed_fields)), draft.attributes,
      array(select decode(part, 'hex') from string_to_table(draft.sealed, ',') as part where part <> ''),
      ${parameters(first + own.length, CALL_TYPES)}, changed.version, ${factSql ?? 'null::jsonb'}
    from changed left join unnest(${parameters(first, own)})
      as draft (key, tenant_id, id, topic, type, subject, ordinal, changed_fields, attributes, sealed) on draft.key = changed.${key})`
  return withPart(
    statement,
    '+events',
    factSql,
    part,
    list.map(({ id }) => id),
    [
      [...drafts.keys()],
      list.map((draft) => draft.tenant ?? call.tenant),
      list.map(({ id }) => id),
      list.map(({ topic }) => topic),
      list.map(({ type }) => type),
      list.map(({ subject }) => subject),
      list.map(({ ordinal }) => ordinal),
      list.map(({ changedFields = [] }) => JSON.stringify(changedFields)),
      list.map(({ attributes = {} }) => JSON.stringify(attributes)),
      list.map((draft) =>
        partsOf(draft)
          .map((bytes) => bytes.toString('hex'))
          .join(','),
      ),
      ...callValues(call),
    ],
  )
}

/** The statement with one more part of its `with`. Its name tells texts apart that differ in `factSql`. */
const withPart = <Row>(
  statement: Statement<Row>,
  suffix: string,
  factSql: string | undefined,
  part: string,
  events: readonly string[],
  values: readonly unknown[],
): Statement<Row> => ({
  ...statement,
  name: `${statement.name}${suffix}${factSql === undefined ? '' : `-${createHash('sha256').update(factSql).digest('hex').slice(0, 8)}`}`,
  writes: true,
  also: [...(statement.also ?? []), part],
  events: [...(statement.events ?? []), ...events],
  values: [...statement.values, ...values],
})
