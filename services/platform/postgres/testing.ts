import { createHash, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { withClient } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import { identifier } from './identifiers.js'
import { applyMigrations, readMigrations } from './migrate.js'
import { openDatabase } from './open-database.js'
import type { DatabaseOptions, OpenDatabase } from './open-database.js'
import { PLANS, provisionDatabase, restrictConnect, servicePlan } from './provisioner.js'
import type { DatabasePlan } from './provisioner.js'
import { platformMigrations } from './schema/platform-migrations.js'
import { newContextKey } from './secrets.js'
import type { ContextKey } from './secrets.js'
import { testCluster } from './testing-cluster.js'
import { workerPool } from './worker-pool.js'
import type { WorkerPool } from './worker-pool.js'

export { deadlineIn, systemCall } from './system-call.js'

export interface TestDatabaseOptions {
  /** A service's name, `events` or `keys`; another name gets a service's roles and schemas. */
  readonly service: string
  /** Folder of migrations, or their text; none by default. */
  readonly migrations?: URL | readonly string[]
  /** What `openDatabase` is given. */
  readonly database?: Partial<DatabaseOptions>
}

export interface TestDatabase {
  /** Of the runtime role, with tenant contexts. */
  readonly db: OpenDatabase
  readonly owner: ConnectionOptions
  readonly runtime: ConnectionOptions
  readonly relay: ConnectionOptions
  /** Sees everything: for assertions. */
  readonly superuser: ConnectionOptions
  readonly contextKey: ContextKey
  /** The connection of any role of the plan. */
  connection(role: string): ConnectionOptions
  /** A plain pool of a role of the plan, closed with the rest. */
  pool(role: string): WorkerPool
  /** Rows of one query as superuser, who is not held by row-level security. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Another Database over the same, as another process of the service would have it; closed with the rest. */
  open(options?: Partial<DatabaseOptions>): OpenDatabase
  close(): Promise<void>
}

/** A database of its own for a test file, cloned from a template that is made once per service and set of migrations. Close it in `afterAll`. */
export const testDatabase = async ({ service, migrations, database }: TestDatabaseOptions): Promise<TestDatabase> => {
  const { superuser, secrets } = await testCluster()
  const plan = PLANS.find(({ name }) => name === service) ?? servicePlan(service)
  const texts = migrations instanceof URL ? readMigrations(migrations) : (migrations ?? []).map((text, i) => inline(text, i))
  const name = `clone_${service}_${randomBytes(6).toString('hex')}`
  const passwords = new Proxy(secrets.passwords, { get: (known, role: string) => known[role] ?? `test-${role}` })
  const connection = (role: string): ConnectionOptions => ({ ...superuser, database: name, user: role, password: passwords[role]! })
  const contextKey = secrets.contextKeys[service] ?? TEST_KEY

  await withClient(superuser, async (client) => {
    const template = await makeTemplate(client, superuser, plan, texts, { passwords, contextKeys: { [service]: contextKey } })
    await client.query(`create database ${identifier(name)} template ${identifier(template)} owner ${identifier(plan.owner)}`)
    await restrictConnect(client, name, plan)
  })
  const opened: { close(): Promise<unknown> }[] = []
  const keep = <T extends { close(): Promise<unknown> }>(one: T): T => {
    opened.push(one)
    return one
  }
  const [runtimeRole, relayRole] = plan.roles
  const open = (options: Partial<DatabaseOptions> = {}): OpenDatabase =>
    keep(openDatabase({ connection: connection(runtimeRole!), contextKey, ...options }))
  const inside = { ...superuser, database: name }
  const own = workerPool(inside, { max: 2 })
  keep({ close: () => own.end() })
  return {
    db: open(database),
    owner: connection(plan.owner),
    runtime: connection(runtimeRole!),
    relay: connection(relayRole ?? runtimeRole!),
    superuser: inside,
    contextKey,
    connection,
    pool: (role) => {
      const pool = workerPool(connection(role))
      keep({ close: () => pool.end() })
      return pool
    },
    query: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => (await own.query<Row>(text, values)).rows,
    open,
    close: async () => {
      await Promise.all(opened.map((one) => one.close()))
      await withClient(superuser, (client) => client.query(`drop database ${identifier(name)} with (force)`))
    },
  }
}

const TEST_KEY: ContextKey = newContextKey()

const inline = (text: string, index: number) => ({ number: index + 1, name: `${String(index + 1).padStart(4, '0')}_test_inline`, text })

/** The template of that name is made under a lock, and renamed when it is whole. */
const makeTemplate = async (
  client: pg.Client,
  superuser: ConnectionOptions,
  plan: DatabasePlan,
  migrations: ReturnType<typeof readMigrations>,
  secrets: Parameters<typeof provisionDatabase>[3],
): Promise<string> => {
  const digest = createHash('sha256')
  digest.update(JSON.stringify([plan, migrations, secrets.contextKeys[plan.name], platformMigrations(plan.name)]))
  const name = `template_${plan.name}_${digest.digest('hex').slice(0, 16)}`
  const exists = async (): Promise<boolean> => (await client.query('select from pg_database where datname = $1', [name])).rows.length > 0
  if (await exists()) return name
  await client.query(`select pg_advisory_lock(hashtext('tenantry-test-template'))`)
  try {
    if (await exists()) return name
    const partial = `partial_${name}`
    await client.query(`drop database if exists ${identifier(partial)} with (force)`)
    await provisionDatabase(client, superuser, { ...plan }, secrets, partial)
    await withClient({ ...superuser, database: partial }, async (inside) => {
      await inside.query(`set role ${identifier(plan.owner)}`)
      await applyMigrations(inside, migrations, 'pool')
    })
    await client.query(`alter database ${identifier(partial)} rename to ${identifier(name)}`)
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('tenantry-test-template'))`)
  }
  return name
}
