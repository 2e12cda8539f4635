import type { ReasonName } from '../mesh/errors.js'

/** How many rows a statement must return (a change: by its RETURNING). Otherwise the whole transaction fails, raised in SQL. */
export type ExpectedRows = number | { min: number; max: number } | 'any'

/**
 * One SQL statement as a value. Text names tenant tables as `@.table`: `@` becomes the schema of the tenant's placement. Values are bind
 * parameters, always. The name is that of the prepared statement; the same name is always the same text.
 */
export interface Statement<Row = Record<string, unknown>> {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
  /** `'any'` for reads, which is the default for text that begins with `select`; every change states it. */
  readonly rows?: ExpectedRows
  /** What it means when the rows are not as expected; NOT_FOUND by default. */
  readonly onRows?: { reason: ReasonName; message: string }
  /** Reasons of constraint violations, by constraint name, with their public message. */
  readonly constraints?: Readonly<Record<string, { reason: ReasonName; message: string }>>
  /** Whether it changes anything: refused while the call may not write. */
  readonly writes?: boolean
  /** Further parts of its `with`, which see the changed rows as `changed`: what `emitting` and `once` add. Never written by hand. */
  readonly also?: readonly string[]
  /** Ids of the events that it emits: see `emitting`. */
  readonly events?: readonly string[]
  /** Never set: carries the row type. */
  readonly _row?: Row
}

export type RowsOf<S> = S extends Statement<infer Row> ? Row[] : never
