import pg from 'pg'
import type { ConnectionOptions as TlsOptions } from 'node:tls'

/** One role in one database. */
export interface ConnectionOptions {
  /** A directory is that of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** For servers beyond this machine. */
  readonly ssl?: TlsOptions
  readonly connectTimeoutMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000

/** The driver's options; nothing of the environment gets in, because everything is stated. */
export const clientOptions = (options: ConnectionOptions): pg.ClientConfig => ({
  host: options.host,
  port: options.port,
  database: options.database,
  user: options.user,
  password: options.password,
  ssl: options.ssl ?? false,
  application_name: options.user,
  connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  keepAlive: true,
  types: { getTypeParser: typeParser } as pg.CustomTypesConfig,
})

const INT8 = 20

/** `bigint` columns come as BigInt, as they are in messages; all else as the driver has it (timestamps as Date, numeric as text). */
const typeParser = (oid: number, format?: 'text' | 'binary'): unknown =>
  oid === INT8 ? BigInt : pg.types.getTypeParser(oid, format as 'text')

/** A plain connection for short administrative work, closed whatever happens. */
export const withClient = async <T>(options: ConnectionOptions, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client(clientOptions(options))
  // A connection that breaks between queries fails the next query; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
