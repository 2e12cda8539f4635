import pg from 'pg'
import { clientOptions } from './connection.js'
import type { ConnectionOptions } from './connection.js'

/** A plain pool for roles without a tenant context: the relay, the event log, the key store. */
export type WorkerPool = pg.Pool

const MAX_CONNECTIONS = 4
const IDLE_MS = 60_000

/** Connects when first asked. `onError` hears of connections that break while idle; they are replaced. */
export const workerPool = (
  connection: ConnectionOptions,
  { max = MAX_CONNECTIONS, onError = () => undefined }: { max?: number; onError?: (error: Error) => void } = {},
): WorkerPool => {
  const pool = new pg.Pool({ ...clientOptions(connection), max, idleTimeoutMillis: IDLE_MS })
  // `end` does not wait for its connections' goodbyes: what the server says to one that is leaving is no news.
  const heard = (error: Error): void => {
    if (!pool.ending) onError(error)
  }
  pool.on('error', heard)
  // Between checkout and the next query, too: without a listener a broken connection would end the process.
  pool.on('connect', (client) => client.on('error', heard))
  return pool
}
