import { createHash } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import type { Fact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Deadline } from '../mesh/call.js'
import { AppError } from '../mesh/errors.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { Cursor } from './cursor.js'
import { BEGIN, COMMIT, ROLLBACK, SELECT_SNAPSHOT, selectChanged, SET_TIMEOUT } from './store/fact-sql.js'

/**
 * One kind of entity that facts are told of.
 *
 * Its table follows a convention, so that a reader can be given exactly what changed:
 * - a column `changed_xid xid8 not null default pg_current_xact_id()`, with an index on it;
 * - EVERY statement that changes what the fact says sets `changed_xid = pg_current_xact_id()` and `version = version + 1` on the entity's row. A fact is
 *   whole: where it says something of other tables too (a subject's grants, the sessions revoked), a change of those locks and changes the entity's row;
 * - a deleted entity keeps its row, which says so: a row that is gone is a change that nobody is told of.
 */
export interface FactTable<Row = Record<string, unknown>> {
  /** As in `subject`; of the prepared statement's name. */
  readonly name: string
  /**
   * A select of the entities of all tenants, run by the role that reads across them, without order or limit. Besides what `toFact` reads it has the columns
   * `changed_xid` (xid8) and `fact_key` (text: unique among them, at most 30 bytes: the entity's id).
   */
  readonly select: string
  toFact(row: Row): Fact
}

/** The owner's side of FactService.Renew. */
export interface FactOwner {
  /**
   * The facts changed since the cursor, in one snapshot. Everything that was committed before the call is in what it has answered, once an answer is whole
   * (`more` false) and did not continue another. Throws DATABASE_UNAVAILABLE.
   */
  renew(cursor: Uint8Array, deadline: Deadline): Promise<{ facts: Fact[]; cursor: Uint8Array; reset: boolean; more: boolean }>
}

export interface FactOwnerOptions {
  /** Connections of the role that may read the tables across tenants. */
  readonly pool: Pick<Pool, 'connect'>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows of different tables in one list
  readonly tables: readonly FactTable<any>[]
  /** Facts in one answer. */
  readonly pageSize?: number
}

interface Snapshot {
  readonly xmin: string
  readonly xmax: string
  readonly database: string
}

/** Where a round of reading stands. */
interface Round {
  readonly reset: boolean
  readonly floor: bigint
  /** What the next round begins at: the xmin of this one's first snapshot. Below it nothing can commit any more. */
  readonly start: bigint
  readonly source: number
  readonly xid: bigint
  readonly key: string
}

const roundOf = (cursor: Cursor | undefined, database: Buffer, { xmin, xmax }: Snapshot): Round => {
  const first = { source: 0, xid: 0n, key: '' }
  // A cursor of another database, or of a future that a restored one has not lived, tells nothing.
  if (cursor === undefined || !cursor.database.equals(database) || cursor.floor > BigInt(xmax)) {
    return { reset: true, floor: 0n, start: BigInt(xmin), ...first }
  }
  if (cursor.page === undefined) return { reset: false, floor: cursor.floor, start: BigInt(xmin), ...first }
  return { reset: false, floor: cursor.floor, ...cursor.page }
}

type Query = <Row>(text: string, values?: unknown[], name?: string) => Promise<Row[]>

/** Serves the facts of some tables. The cursor is a snapshot's xmin: rows changed by transactions that were still open then are told again, and known by their version. */
export const createFactOwner = ({ pool, tables, pageSize = 1000 }: FactOwnerOptions): FactOwner => {
  const texts = tables.map((table) => selectChanged(table.select))

  const read = async (query: Query, bytes: Uint8Array) => {
    const [snapshot] = await query<Snapshot>(SELECT_SNAPSHOT, [], 'facts-snapshot')
    const database = createHash('sha256').update(snapshot!.database).digest().subarray(0, 8)
    const round = roundOf(decodeCursor(bytes), database, snapshot!)
    const facts: Fact[] = []
    let { xid, key } = round
    for (let source = round.source; source < tables.length; source++) {
      const limit = pageSize - facts.length
      const rows = await query<{ changed_xid_text: string; fact_key: string }>(
        texts[source]!,
        [String(round.floor), String(xid), key, limit + 1],
        `facts-${tables[source]!.name}`,
      )
      for (const row of rows.slice(0, limit)) facts.push(tables[source]!.toFact(row))
      if (rows.length > limit) {
        const last = rows[limit - 1]
        const page = {
          start: round.start,
          source,
          xid: last === undefined ? xid : BigInt(last.changed_xid_text),
          key: last?.fact_key ?? key,
        }
        return { facts, cursor: encodeCursor({ database, floor: round.floor, page }), reset: round.reset, more: true }
      }
      xid = 0n
      key = ''
    }
    return { facts, cursor: encodeCursor({ database, floor: round.start }), reset: round.reset, more: false }
  }

  const renew: FactOwner['renew'] = async (cursor, deadline) => {
    let client: PoolClient | undefined
    try {
      client = await pool.connect()
      const taken = client
      const query: Query = async <Row>(text: string, values: unknown[] = [], name?: string) =>
        (await taken.query({ text, values, ...(name === undefined ? {} : { name }) })).rows as Row[]
      await query(BEGIN)
      await query(SET_TIMEOUT, [String(Math.max(1, Math.ceil(deadline.remaining())))])
      const answer = await read(query, cursor)
      await query(COMMIT)
      client.release()
      return answer
    } catch (error) {
      await client?.query(ROLLBACK).then(
        () => client?.release(),
        (broken: Error) => client?.release(broken),
      )
      throw error instanceof AppError ? error : new AppError('DATABASE_UNAVAILABLE', 'the facts cannot be read now', { cause: error })
    }
  }
  return { renew }
}
