import type { Call } from '../mesh/call.js'
import type { RowsOf, Statement } from './statement.js'

/** What a transaction needs of a call; a background worker makes one itself with `systemCall`. */
export type DbCall = Pick<Call, 'tenant' | 'deadline' | 'mayWrite' | 'span'> & {
  readonly purpose?: ContextPurpose
  /** The operation that a context of purpose `provision` is for. */
  readonly operation?: string
  readonly method?: { readonly name: string }
  /** Told which events have surely committed. */
  committed?(ids: readonly string[]): void
}

/**
 * What a signed tenant context is good for: `tenant` rows of that tenant (the default); `platform` lists across tenants for operators, on tables that
 * allow it; `provision` the definer function that lays a tenant's schema.
 */
export type ContextPurpose = 'tenant' | 'platform' | 'provision'

export interface Tx {
  run<S extends readonly Statement<unknown>[]>(...statements: S): Promise<{ [K in keyof S]: RowsOf<S[K]> }>
}

/**
 * A service's own database, as its runtime role sees it: through transactions with a signed tenant context, and in no other way.
 * Errors: AppError of the statement's constraint or row rule; DATABASE_UNAVAILABLE; DEADLINE_EXCEEDED.
 */
export interface Database {
  /** BEGIN, context, statements and COMMIT in one pipelined round trip: each statement's rows. Rejects unless COMMIT answered COMMIT. */
  run<S extends readonly Statement<unknown>[]>(call: DbCall, ...statements: S): Promise<{ [K in keyof S]: RowsOf<S[K]> }>
  /** For the few that need a result between statements. Rolled back when `work` throws. */
  transact<T>(call: DbCall, work: (tx: Tx) => Promise<T>): Promise<T>
  /** Whether a connection answers. */
  ready(): Promise<boolean>
  close(): Promise<void>
}
