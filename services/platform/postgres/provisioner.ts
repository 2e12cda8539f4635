import type pg from 'pg'
import { withClient } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import { identifier } from './identifiers.js'
import { applyMigrations } from './migrate.js'
import { platformMigrations } from './schema/platform-migrations.js'
import { completeSecrets, scramVerifier } from './secrets.js'
import type { ContextKey, DatabaseSecrets } from './secrets.js'

/** A database with the roles that may connect to it. */
export interface DatabasePlan {
  readonly name: string
  /** Owns what migrations make. */
  readonly owner: string
  /** Roles that own nothing. */
  readonly roles: readonly string[]
  /** Whether it is a service's, with tenant contexts, an outbox and request ids in its schema `platform`. */
  readonly service: boolean
}

/** The database of a service: `<service>_owner`, `_runtime` and `_relay`. */
export const servicePlan = (service: string): DatabasePlan => ({
  name: service,
  owner: `${service}_owner`,
  roles: [`${service}_runtime`, `${service}_relay`],
  service: true,
})

/** Every database of a region. */
export const PLANS: readonly DatabasePlan[] = [
  ...['identity', 'tenant', 'data', 'policy', 'audit'].map(servicePlan),
  { name: 'events', owner: 'events_owner', roles: ['events_producer', 'events_consumer'], service: false },
  { name: 'keys', owner: 'keys_owner', roles: ['keys_identity', 'keys_data', 'keys_audit'], service: false },
]

/** What `kept` lacks for the plans, made up: keep the result before provisioning with it. */
export const secretsFor = (kept: DatabaseSecrets | undefined, plans: readonly DatabasePlan[] = PLANS): DatabaseSecrets =>
  completeSecrets(
    kept,
    plans.flatMap(({ owner, roles }) => [owner, ...roles]),
    plans.filter(({ service }) => service).map(({ name }) => name),
  )

export interface ProvisionOptions {
  /** A superuser's connection, to the database `postgres`. */
  readonly superuser: ConnectionOptions
  readonly secrets: DatabaseSecrets
  readonly plans?: readonly DatabasePlan[]
}

const LOCK = 0x70726f76

/** Many small transactions: what a crash loses of them is made again by the next start, which comes before anything builds on them. */
const UNHURRIED = 'set synchronous_commit = off'

/**
 * Makes databases, roles and the schema `platform` as planned. Idempotent: what is there is brought to what is planned, data is left alone. Roles
 * inherit nothing, are members of nothing, and connect to their own database only.
 */
export const provision = async ({ superuser, secrets, plans = PLANS }: ProvisionOptions): Promise<void> =>
  withClient(superuser, async (client) => {
    await client.query(UNHURRIED)
    // Roles belong to the whole cluster: two provisioners would trip over each other.
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await client.query('revoke connect on database postgres, template1 from public')
    for (const plan of plans) await createDatabase(client, plan, secrets, plan.name)
    await Promise.all(
      plans.map((plan) => withClient({ ...superuser, database: plan.name }, (inside) => provisionSchemas(inside, plan, secrets))),
    )
  })

/** One database of the plan, under its own name or another. The caller holds a lock against others that make roles. */
export const provisionDatabase = async (
  client: pg.Client,
  superuser: ConnectionOptions,
  plan: DatabasePlan,
  secrets: DatabaseSecrets,
  name = plan.name,
): Promise<void> => {
  await createDatabase(client, plan, secrets, name)
  await withClient({ ...superuser, database: name }, (inside) => provisionSchemas(inside, plan, secrets))
}

const createDatabase = async (client: pg.Client, plan: DatabasePlan, secrets: DatabaseSecrets, name: string): Promise<void> => {
  await provisionRoles(client, plan, secrets)
  const { rows } = await client.query('select from pg_database where datname = $1', [name])
  if (rows.length === 0) await client.query(`create database ${identifier(name)} owner ${identifier(plan.owner)}`)
  await restrictConnect(client, name, plan)
}

/** Only the plan's roles may connect. A clone of a database starts without this: call it again. */
export const restrictConnect = async (client: pg.Client, database: string, { owner, roles }: DatabasePlan): Promise<void> => {
  await client.query(`revoke all on database ${identifier(database)} from public`)
  await client.query(`grant connect on database ${identifier(database)} to ${[owner, ...roles].map(identifier).join(', ')}`)
}

const ATTRIBUTES = 'login noinherit nosuperuser nobypassrls nocreatedb nocreaterole noreplication'

const provisionRoles = async (client: pg.Client, { owner, roles }: DatabasePlan, { passwords }: DatabaseSecrets): Promise<void> => {
  for (const role of [owner, ...roles]) {
    const name = identifier(role)
    const password = passwords[role]
    if (password === undefined) throw new Error(`no password for role ${role}`)
    const { rows } = await client.query('select from pg_roles where rolname = $1', [role])
    if (rows.length === 0) await client.query(`create role ${name}`)
    await client.query(`alter role ${name} ${ATTRIBUTES} password '${scramVerifier(password)}'`)
    // Unqualified names find nothing; a transaction that its client forgot ends.
    await client.query(`alter role ${name} set search_path = ''`)
    await client.query(`alter role ${name} set idle_in_transaction_session_timeout = '60s'`)
  }
}

const provisionSchemas = async (client: pg.Client, plan: DatabasePlan, { contextKeys }: DatabaseSecrets): Promise<void> => {
  const owner = identifier(plan.owner)
  const roles = plan.roles.map(identifier).join(', ')
  await client.query(UNHURRIED)
  await client.query('drop schema if exists public')
  await client.query(`create schema if not exists platform authorization ${owner}`)
  await client.query('create extension if not exists pgcrypto schema platform')
  await client.query(`revoke all on all functions in schema platform from public`)
  await client.query(`grant execute on all functions in schema platform to ${owner}`)
  await client.query(`alter default privileges for role ${owner} revoke execute on functions from public`)
  await client.query(`set role ${owner}`)
  await client.query(`create table if not exists platform.migration (
    schema text not null, number int not null, name text not null, checksum bytea not null, applied timestamptz not null default now(),
    primary key (schema, number))`)
  await client.query('create schema if not exists pool')
  await client.query(`grant usage on schema pool to ${roles}`)
  if (plan.service) {
    await client.query(`grant usage on schema platform to ${roles}`)
    await applyMigrations(client, platformMigrations(plan.name), 'platform')
    await installContextKey(client, contextKeys[plan.name])
  }
  await client.query('reset role')
}

/** Longer than any context lives: what an older key signed stays good until then. */
const OVERLAP = '10 minutes'

const installContextKey = async (client: pg.Client, key: ContextKey | undefined): Promise<void> => {
  if (key === undefined) throw new Error('no context key for the database')
  await client.query(`insert into platform.context_key (id, secret) values ($1, $2) on conflict (id) do update set not_after = null`, [
    key.id,
    Buffer.from(key.secret, 'base64url'),
  ])
  await client.query(`update platform.context_key set not_after = now() + $2::interval where id <> $1 and not_after is null`, [
    key.id,
    OVERLAP,
  ])
  await client.query(`delete from platform.context_key where not_after < now()`)
}
