import { SpanKind, SpanStatusCode, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Tracer } from '@opentelemetry/api'
import { AppError } from '../mesh/errors.js'
import { createCanceller } from './canceller.js'
import type { ConnectionOptions } from './connection.js'
import { contextSigner } from './context.js'
import type { Database, DbCall, Tx } from './database.js'
import { ALREADY_FAILED, expired, outcomeUnknown, sqlState, toAppError } from './database-errors.js'
import { tenantSchema } from './identifiers.js'
import type { ContextKey } from './secrets.js'
import { openSession } from './session.js'
import type { Outcome, Query, Session } from './session.js'
import { sessionPool } from './session-pool.js'
import { locks, sentText, writes } from './sql-text.js'
import type { Statement } from './statement.js'

export interface DatabaseOptions {
  /** Of the runtime role. */
  readonly connection: ConnectionOptions
  readonly contextKey: ContextKey
  /** The tenant's own schema (its id) where its placement is `schema`; absent or undefined: `pool`. */
  readonly schemaOf?: (tenantId: string) => string | undefined
  readonly maxConnections?: number
  /** A client span for each transaction of a call whose span records. */
  readonly tracer?: Tracer
  /** After each transaction: seconds it took, and the error it ended with. */
  readonly observe?: (seconds: number, error: unknown) => void
}

/** What is known of the pool, for gauges. */
export interface OpenDatabase extends Database {
  readonly size: () => { open: number; busy: number; waiting: number }
}

type AnyStatement = Statement<unknown>

const MAX_CONNECTIONS = 10
const BACKSTOP_MS = 2_000
const CONTEXT_GRACE_MS = 5_000
const SET_CONTEXT = `select set_config('tenantry.context', $1, true), set_config('statement_timeout', $2, true), set_config('transaction_timeout', $3, true)`

/** The database of a service over its runtime role: see `Database`. Connects when first asked. */
export const openDatabase = (options: DatabaseOptions): OpenDatabase => {
  const { connection, schemaOf = () => undefined, tracer, observe } = options
  const sign = contextSigner(options.contextKey)
  const pool = sessionPool(options.maxConnections ?? MAX_CONNECTIONS, () => openSession(connection))
  const canceller = createCanceller(connection)
  const render = textCache()

  /** Everything in it is good for this transaction only: nothing is ever set on a session. */
  const context = (session: Session, call: DbCall): Query => {
    const left = Math.max(1, Math.ceil(call.deadline.remaining()))
    const expires = session.now() + left + CONTEXT_GRACE_MS
    const text = sign({ tenant: call.tenant, purpose: call.purpose ?? 'tenant', pid: session.pid, expires, operation: call.operation })
    return { text: SET_CONTEXT, values: [text, `${left}ms`, `${left + BACKSTOP_MS}ms`] }
  }

  const placement = (call: DbCall): { schema: string; affinity?: number } => {
    // What a tenant's place is made with has none yet.
    const own = call.purpose === 'provision' ? undefined : schemaOf(call.tenant)
    return own === undefined ? { schema: 'pool' } : { schema: tenantSchema(own), affinity: hash(own) }
  }

  const onSession = async <T>(call: DbCall, names: string, work: (session: Session, schema: string) => Promise<T>): Promise<T> => {
    const { schema, affinity } = placement(call)
    const started = performance.now()
    const span = call.span.isRecording() ? tracer?.startSpan(`postgres ${names}`, SPAN, trace.setSpan(ROOT_CONTEXT, call.span)) : undefined
    let failure: unknown
    try {
      throwIfOver(call)
      const session = await pool.acquire(call.deadline, affinity)
      const unwatch = canceller.watch(session, call.deadline)
      try {
        return await work(session, schema)
      } finally {
        unwatch()
        pool.release(session)
      }
    } catch (error) {
      failure = error
      throw error
    } finally {
      observe?.((performance.now() - started) / 1000, failure)
      if (failure !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR })
      span?.end()
    }
  }

  const runOnce = (call: DbCall, statements: readonly AnyStatement[]): Promise<unknown[][]> =>
    onSession(call, statements.map(({ name }) => name).join(' '), async (session, schema) => {
      const changes = statements.some(writes)
      const readOnly = !changes && !statements.some(({ text }) => locks(text))
      const queries = statements.map((statement) => ({ text: render(statement, schema), values: statement.values }))
      const begin = { text: readOnly ? 'begin read only' : 'begin' }
      const [begun, bound, ...rest] = await session.execute([begin, context(session, call), ...queries, { text: 'commit' }])
      const outcomes = rest.slice(0, -1)
      const committed = rest.at(-1)!
      // COMMIT was sent with the rest: where the first thing missing is an answer, not a refusal, it may have been carried out.
      const first = [begun!, bound!, ...rest].find(({ error }) => error !== undefined)?.error
      const over = state(call)
      if (changes && first !== undefined && sqlState(first) === undefined && !over.expired && !over.cancelled) throw outcomeUnknown(first)
      throwFirst(call, [begun!, bound!], [])
      throwFirst(call, outcomes, statements)
      checkCommit(call, committed, changes)
      tell(call, statements)
      return outcomes.map(({ rows }) => rows)
    })

  const run = async (call: DbCall, ...statements: AnyStatement[]): Promise<unknown[][]> => {
    refuseWrites(call, statements)
    try {
      return await runOnce(call, statements)
    } catch (error) {
      // A prepared plan that a migration outdated: nothing was done, and the session is gone. Once more on a new one.
      if (sqlState(error) !== '0A000') throw error
      return runOnce(call, statements)
    }
  }

  const transact = <T>(call: DbCall, work: (tx: Tx) => Promise<T>): Promise<T> =>
    onSession(call, 'transact', async (session, schema) => {
      throwFirst(call, await session.execute([{ text: 'begin' }, context(session, call)]), [])
      let open = true
      let changes = false
      const sent: AnyStatement[] = []
      const tx = {
        run: async (...statements: AnyStatement[]): Promise<unknown[][]> => {
          if (!open) throw new Error('the transaction is over')
          refuseWrites(call, statements)
          throwIfOver(call)
          changes ||= statements.some(writes)
          const outcomes = await session.execute(statements.map((s) => ({ text: render(s, schema), values: s.values })))
          throwFirst(call, outcomes, statements)
          sent.push(...statements)
          return outcomes.map(({ rows }) => rows)
        },
      } as unknown as Tx
      try {
        const result = await work(tx)
        open = false
        throwIfOver(call)
        const [committed] = await session.execute([{ text: 'commit' }])
        checkCommit(call, committed!, changes)
        tell(call, sent)
        return result
      } finally {
        // After a commit it answers with a warning; what it does not end makes the session unclean.
        if (open) await session.execute([{ text: 'rollback' }])
        open = false
      }
    })

  return {
    run: run as Database['run'],
    transact,
    ready: async () => {
      const deadline = { signal: AbortSignal.timeout(READY_MS), remaining: () => 0 }
      try {
        const session = await pool.acquire(deadline)
        const timer = setTimeout(() => session.destroy(), READY_MS)
        const [answer] = await session.execute([{ text: 'select 1' }])
        clearTimeout(timer)
        pool.release(session)
        return answer!.error === undefined
      } catch {
        return false
      }
    },
    close: async () => {
      await Promise.all([pool.close(), canceller.close()])
    },
    size: pool.size,
  }
}

const READY_MS = 2_000
const SPAN = { kind: SpanKind.CLIENT, attributes: { 'db.system.name': 'postgresql' } } as const

const state = ({ deadline }: DbCall): { expired: boolean; cancelled: boolean } => ({
  expired: expired(deadline),
  cancelled: deadline.signal.aborted,
})

const throwIfOver = (call: DbCall): void => {
  const over = state(call)
  if (over.expired) throw new AppError('DEADLINE_EXCEEDED', 'the time for the call is over')
  if (over.cancelled) throw new AppError('CANCELLED', 'the caller cancelled')
}

/** Tells the call which events happened: its transaction has committed. */
const tell = (call: DbCall, statements: readonly AnyStatement[]): void => {
  const ids = statements.flatMap(({ events = [] }) => events)
  if (ids.length > 0) call.committed?.(ids)
}

/** A method with row facts writes nothing before it decided with the row. */
const refuseWrites = (call: DbCall, statements: readonly AnyStatement[]): void => {
  if (call.mayWrite) return
  const refused = statements.find(writes)
  if (refused !== undefined)
    throw new Error(`${call.method?.name ?? 'a call'} may not run ${refused.name} before its decision with the row`)
}

/** The first error is the cause; the ones after it only say that the transaction had failed already. */
const throwFirst = (call: DbCall, outcomes: readonly Outcome[], statements: readonly AnyStatement[]): void => {
  const index = outcomes.findIndex(({ error }) => error !== undefined && sqlState(error) !== ALREADY_FAILED)
  if (index >= 0) throw toAppError(outcomes[index]!.error, statements[index], state(call))
}

const checkCommit = (call: DbCall, { error, command }: Outcome, changes: boolean): void => {
  if (error !== undefined) {
    const mapped = toAppError(error, undefined, state(call))
    // A deferred constraint answers with an error of its own; anything else left us without an answer.
    const lost = sqlState(error) === undefined || sqlState(error)!.startsWith('57P')
    throw lost && changes ? outcomeUnknown(error) : mapped
  }
  if (command !== 'COMMIT') throw new Error(`COMMIT was answered with ${command}`)
}

const hash = (text: string): number => {
  let value = 0
  for (let i = 0; i < text.length; i++) value = (Math.imul(value, 31) + text.charCodeAt(i)) >>> 0
  return value
}

const MAX_TEXTS = 4_096

/** The text as sent, by schema, name and parts. Least recently made ones go when there are too many (schemas are many). */
const textCache = (): ((statement: AnyStatement, schema: string) => string) => {
  const made = new Map<string, { from: string; also: readonly string[] | undefined; rows: unknown; text: string }>()
  return (statement, schema) => {
    const key = `${schema} ${statement.name}`
    const known = made.get(key)
    if (known !== undefined && known.from === statement.text && sameParts(known.also, statement.also) && known.rows === statement.rows)
      return known.text
    const text = sentText(statement, schema)
    if (made.size >= MAX_TEXTS) made.delete(made.keys().next().value!)
    made.set(key, { from: statement.text, also: statement.also, rows: statement.rows, text })
    return text
  }
}

const sameParts = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((part, i) => part === b[i]))
