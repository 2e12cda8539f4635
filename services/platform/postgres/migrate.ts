import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type pg from 'pg'
import { withClient } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import { inSchema } from './identifiers.js'

export interface Migration {
  /** From 1, without gaps. */
  readonly number: number
  /** `NNNN_<verb>_<noun>` */
  readonly name: string
  readonly text: string
}

export interface MigrateOptions {
  /** With the owner's credential. */
  readonly connection: ConnectionOptions
  /** Folder of `NNNN_<verb>_<noun>.sql`. */
  readonly directory: URL
  /** What `@.` stands for; `pool` by default. */
  readonly schema?: string
}

/** A migration that failed, or that is not what was applied. Names it; what was applied before it stays, and a rerun goes on there. */
export class MigrationError extends Error {
  constructor(
    readonly schema: string,
    readonly migration: string,
    reason: string,
    cause?: unknown,
  ) {
    super(`migration ${migration} of schema ${schema}: ${reason}`, { cause })
    this.name = 'MigrationError'
  }
}

const FILE = /^(\d{4})_[a-z0-9]+(?:_[a-z0-9]+)+\.sql$/

/** The migrations of a folder, in order. Throws on a gap, a number used twice, or a file that is not one. */
export const readMigrations = (directory: URL): Migration[] => {
  const migrations = readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const match = FILE.exec(file)
      if (match === null) throw new Error(`${file} is no NNNN_<verb>_<noun>.sql`)
      return { number: Number(match[1]), name: file.slice(0, -'.sql'.length), text: readFileSync(new URL(file, directory), 'utf8') }
    })
  migrations.forEach(({ number, name }, index) => {
    if (number !== index + 1) throw new Error(`migration ${name} should have number ${index + 1}`)
  })
  return migrations
}

/** Applies what is missing in one schema. Returns how many. */
export const migrate = ({ connection, directory, schema = 'pool' }: MigrateOptions): Promise<number> =>
  withClient(connection, (client) => applyMigrations(client, readMigrations(directory), schema))

const LOCK = 0x74656e61

/**
 * Applies missing migrations over a connection, each in a transaction of its own that begins with its version row: of two migrators one waits. Existing rows
 * must carry the checksum of their text. Rows of numbers beyond ours are left alone: the release before this one must survive.
 */
export const applyMigrations = async (client: pg.Client, migrations: readonly Migration[], schema: string): Promise<number> => {
  let applied = 0
  await client.query('select pg_advisory_lock($1, hashtext($2))', [LOCK, schema])
  try {
    const { rows } = await client.query<{ number: number; checksum: string }>(
      `select number, encode(checksum, 'hex') as checksum from platform.migration where schema = $1`,
      [schema],
    )
    const known = new Map(rows.map((row) => [row.number, row.checksum]))
    for (const migration of migrations) {
      const checksum = createHash('sha256').update(migration.text).digest('hex')
      const before = known.get(migration.number)
      if (before === checksum) continue
      if (before !== undefined) throw new MigrationError(schema, migration.name, 'its text changed after it was applied')
      await applyOne(client, migration, schema, checksum)
      applied++
    }
  } finally {
    await client.query('select pg_advisory_unlock($1, hashtext($2))', [LOCK, schema]).catch(() => undefined)
  }
  return applied
}

const applyOne = async (client: pg.Client, { number, name, text }: Migration, schema: string, checksum: string): Promise<void> => {
  try {
    await client.query('begin')
    await client.query(`set local search_path = ''`)
    await client.query(`insert into platform.migration (schema, number, name, checksum) values ($1, $2, $3, decode($4, 'hex'))`, [
      schema,
      number,
      name,
      checksum,
    ])
    await client.query(inSchema(text, schema))
    // Outside a transaction COMMIT says COMMIT, too.
    const { command } = inTransaction(client) ? await client.query('commit') : { command: '' }
    if (command !== 'COMMIT') throw new Error('its transaction ended before its text did')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw new MigrationError(schema, name, (error as Error).message, error)
  }
}

const inTransaction = (client: pg.Client): boolean =>
  (client as unknown as { getTransactionStatus(): string | null }).getTransactionStatus() === 'T'
