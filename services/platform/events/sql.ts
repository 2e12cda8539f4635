import type { QueryResult, QueryResultRow } from 'pg'

/** What events need of a connection pool: a subset of pg's. Pools are made in platform/postgres, with the credential of one role. */
export interface SqlPool {
  query<Row extends QueryResultRow>(query: SqlQuery): Promise<Pick<QueryResult<Row>, 'rows' | 'rowCount'>>
  connect(): Promise<SqlClient>
}

export interface SqlClient {
  query<Row extends QueryResultRow>(query: SqlQuery): Promise<Pick<QueryResult<Row>, 'rows' | 'rowCount'>>
  /** True or an error: the connection is closed rather than lent again. */
  release(broken?: boolean | Error): void
}

/** A prepared statement where it has a name: the same name is always the same text. */
export interface SqlQuery {
  readonly name?: string
  readonly text: string
  readonly values?: unknown[]
}

/**
 * Runs `work` in a transaction and commits. Rolled back when it throws; the connection is closed when even that fails, so that no lock outlives the
 * process's interest in it.
 */
export const inTransaction = async <T>(pool: SqlPool, begin: string, work: (client: SqlClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query({ text: begin })
    const result = await work(client)
    await client.query({ text: 'commit' })
    return result
  } catch (error) {
    await client.query({ text: 'rollback' }).catch((failure: Error) => (broken = failure))
    throw error
  } finally {
    client.release(broken)
  }
}
