import { createHmac, timingSafeEqual } from 'node:crypto'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { status as Code } from '@grpc/grpc-js'
import type { Subject, Workload } from '../mesh/call.js'
import { AppError } from '../mesh/errors.js'
import { canonicalBytes } from './canonical-bytes.js'
import type { Database, DbCall } from './database.js'
import { UNEXPECTED_ROWS, UNIQUE_VIOLATION, sqlState } from './database-errors.js'
import type { Statement } from './statement.js'

/** A call that may carry a request id: the caller is part of its key. */
export type OnceCall = DbCall & {
  readonly subject: Pick<Subject, 'id'> | undefined
  readonly workload: Pick<Workload, 'spiffeId'>
  readonly method: { readonly name: string }
}

/** One caller's use of one request id, with the HMAC of its body. */
export interface RequestKey {
  readonly tenant: string
  readonly caller: string
  readonly method: string
  readonly requestId: string
  readonly digest: Buffer
}

/** What is kept of the first answer. */
export interface KeptAnswer {
  readonly name: string
  readonly version: bigint
  /** Of the change's transaction. */
  readonly time: Date
  /** What `attach` was given, sealed by the caller. */
  readonly answer: Buffer | undefined
}

/** Undefined without a request id. */
export const requestKey = <Desc extends DescMessage>(
  call: OnceCall,
  desc: Desc,
  request: MessageShape<Desc> & { readonly requestId: string },
  hmacKey: Uint8Array,
): RequestKey | undefined =>
  request.requestId === ''
    ? undefined
    : {
        tenant: call.tenant,
        caller: call.subject?.id ?? call.workload.spiffeId,
        method: call.method.name,
        requestId: request.requestId,
        digest: createHmac('sha256', hmacKey).update(canonicalBytes(desc, request)).digest(),
      }

const COLUMNS = 'tenant_id, caller, method, request_id, digest, name, answer, version'
const MAX_ANSWER = 4_096

/**
 * The change with the row of its request id, inserted from its RETURNING (which must have `version`): there only if the change is. `answer`: what a replay needs
 * beyond name, version and time, sealed; over 4 KiB it is not kept.
 */
export const once = <Row>(
  statement: Statement<Row>,
  key: RequestKey,
  { name, answer }: { name: string; answer?: Uint8Array },
): Statement<Row> => {
  const first = statement.values.length + 1
  const types = ['text', 'text', 'text', 'text', 'bytea', 'text', 'bytea']
  const parameters = types.map((type, i) => `$${first + i}::${type}`).join(', ')
  return {
    ...statement,
    name: `${statement.name}+request`,
    writes: true,
    also: [
      ...(statement.also ?? []),
      `requested as (insert into platform.request (${COLUMNS}) select ${parameters}, changed.version from changed)`,
    ],
    constraints: { request_pkey: { reason: 'CONFLICT', message: 'the request_id was used a moment ago' }, ...statement.constraints },
    values: [
      ...statement.values,
      ...[key.tenant, key.caller, key.method, key.requestId, key.digest, name],
      answer !== undefined && answer.length <= MAX_ANSWER ? answer : null,
    ],
  }
}

const selectRequest = ({ tenant, caller, method, requestId }: RequestKey): Statement<KeptAnswer & { digest: Buffer }> => ({
  name: 'select-request',
  text: `select digest, name, version, time, answer from platform.request
         where tenant_id = $1 and caller = $2 and method = $3 and request_id = $4`,
  values: [tenant, caller, method, requestId],
})

/** What was answered to this request before, read in a transaction of its own; undefined when nothing was. Throws REQUEST_ID_REUSED for another body. */
export const lookupOnce = async (db: Database, call: DbCall, key: RequestKey): Promise<KeptAnswer | undefined> => {
  const [[row]] = await db.run(call, selectRequest(key))
  if (row === undefined) return undefined
  if (!timingSafeEqual(row.digest, key.digest)) throw new AppError('REQUEST_ID_REUSED', 'request_id: was used for another request')
  return { name: row.name, version: row.version, time: row.time, answer: row.answer ?? undefined }
}

/** Adds the row of the request id to the change that answers the request; without an id, the statement as it is. */
export type Attach = <Row>(statement: Statement<Row>, name: string, answer?: Uint8Array) => Statement<Row>

export interface OnceOptions<Desc extends DescMessage> {
  readonly desc: Desc
  readonly request: MessageShape<Desc> & { readonly requestId: string }
  /** 32 bytes of the service. */
  readonly hmacKey: Uint8Array
}

export type OnceResult<T> = { readonly replayed: false; readonly result: T } | { readonly replayed: true; readonly kept: KeptAnswer }

/**
 * Does `work` once per request id. It passes its change through `attach`. When it fails as a repetition would (no such row, a stale etag, a taken key, or an
 * outcome that nobody knows), the request id is looked up: the same body gets what was answered then, another one REQUEST_ID_REUSED, an unknown id the error.
 */
export const runOnce = async <Desc extends DescMessage, T>(
  db: Database,
  call: OnceCall,
  { desc, request, hmacKey }: OnceOptions<Desc>,
  work: (attach: Attach) => Promise<T>,
): Promise<OnceResult<T>> => {
  const key = requestKey(call, desc, request, hmacKey)
  try {
    return {
      replayed: false,
      result: await work((statement, name, answer) => (key === undefined ? statement : once(statement, key, { name, answer }))),
    }
  } catch (error) {
    const kept = key !== undefined && mayBeRepetition(error) ? await lookupOnce(db, call, key) : undefined
    if (kept === undefined) throw error
    return { replayed: true, kept }
  }
}

const REPETITION_CODES = new Set([Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.ABORTED, Code.FAILED_PRECONDITION])

/** Whether a request that was done already could fail so. */
export const mayBeRepetition = (error: unknown): boolean => {
  const state = sqlState(error)
  if (state === UNEXPECTED_ROWS || state === UNIQUE_VIOLATION) return true
  return error instanceof AppError && (REPETITION_CODES.has(error.code) || error.reason === 'OUTCOME_UNKNOWN')
}

/** Removes rows of request ids that have had their time; with the relay's role. Returns how many. */
export const sweepRequests = async (relay: { query(text: string): Promise<{ rowCount: number | null }> }): Promise<number> =>
  (
    await relay.query(`delete from platform.request r using (select tenant_id, caller, method, request_id from platform.request
      where expires < now() order by expires limit 1000) as gone
      where (r.tenant_id, r.caller, r.method, r.request_id) = (gone.tenant_id, gone.caller, gone.method, gone.request_id)`)
  ).rowCount ?? 0
