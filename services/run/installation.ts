import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../platform/config/schema.js'
import { migrateEventLog } from '../platform/events/embedded/schema/migrations.js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import { openLocalKeyring } from '../platform/keys/local-keyring.js'
import { createPostgresKeyStore, KEY_MIGRATIONS } from '../platform/keys/postgres-key-store.js'
import type { PublicKey } from '../platform/keys/key-store.js'
import { createSealer } from '../platform/keys/x25519-sealer.js'
import type { ServiceName } from '../platform/mesh/call.js'
import { serviceSpiffeId } from '../platform/mesh/workload.js'
import type { ConnectionOptions } from '../platform/postgres/connection.js'
import { startEmbedded } from '../platform/postgres/embedded.js'
import type { EmbeddedPostgres } from '../platform/postgres/embedded.js'
import { migrate } from '../platform/postgres/migrate.js'
import { openDatabase } from '../platform/postgres/open-database.js'
import type { OpenDatabase } from '../platform/postgres/open-database.js'
import { provision, secretsFor } from '../platform/postgres/provisioner.js'
import { workerPool } from '../platform/postgres/worker-pool.js'
import { keepPlatformKey, keepSecrets } from '../platform/runtime/secrets.js'
import type { Secrets } from '../platform/runtime/secrets.js'
import type { ServiceAssembly } from '../platform/runtime/service.js'
import { ensurePlatformTenant } from '../tenant/bootstrap.js'
import { ensureFirstOperator } from './operator.js'
import type { Timings } from './timings.js'

/** Everything that services stand on: databases with their roles and tables, the platform tenant with its keys and its first operator. */
export interface Installation {
  /** With the place of the database. */
  readonly config: Config
  readonly secrets: Secrets
  readonly platformKey: PublicKey
  readonly operator: { readonly path: string; readonly written: boolean }
  readonly postgres: EmbeddedPostgres
  readonly created: boolean
}

export interface InstallationOptions {
  /** Its `stateDir` is absolute and held by this process. */
  readonly config: Config
  readonly assemblies: readonly ServiceAssembly[]
  readonly log: Logger
  readonly timings: Timings
}

/**
 * Brings the installation of a state directory to where services can start: idempotent, and whole again after a crash at any point, because every step
 * finds what it has done before. What it starts (Postgres) ends with this process.
 */
export const openInstallation = async ({
  config: given,
  assemblies,
  log,
  timings: { timed },
}: InstallationOptions): Promise<Installation> => {
  const { stateDir } = given
  const postgres = await timed('postgres', () =>
    startEmbedded({ directory: join(stateDir, 'postgres'), log: (line) => log.info({ postgres: line }, 'postgres') }),
  )
  try {
    const config = { ...given, databaseHost: postgres.host, databasePort: postgres.port }
    const at = (database: string, user: string, password: string): ConnectionOptions => ({
      host: postgres.host,
      port: postgres.port,
      database,
      user,
      password,
    })
    const kept = keepSecrets(stateDir, secretsFor)
    const as = (database: string, role: string) => at(database, role, kept.databases.passwords[role]!)
    await timed('provision', () => provision({ superuser: at('postgres', postgres.superuser, postgres.password), secrets: kept.databases }))
    await timed('migrate', () => migrateAll(assemblies, as))
    const { platformKey, operator } = await timed('platform', () => ensurePlatform({ config, secrets: kept, as }))
    const secrets = keepPlatformKey(stateDir, kept, platformKey)
    return { config, secrets, platformKey, operator, postgres, created: postgres.created }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}

type Connect = (database: string, role: string) => ConnectionOptions

/** Databases are apart from each other: all at once. */
const migrateAll = async (assemblies: readonly ServiceAssembly[], as: Connect): Promise<void> => {
  await Promise.all([
    ...assemblies.flatMap(({ name, migrations }) =>
      migrations === undefined ? [] : [migrate({ connection: as(name, `${name}_owner`), directory: migrations })],
    ),
    migrateEventLog(as('events', 'events_owner')),
    migrate({ connection: as('keys', 'keys_owner'), directory: KEY_MIGRATIONS }),
  ])
}

/** The platform tenant: its keys, its row, its first operator, each made as the service would that owns it. */
const ensurePlatform = async ({ config, secrets, as }: { config: Config; secrets: Secrets; as: Connect }) => {
  const { trustDomain, region } = config
  const self = <S extends ServiceName>(service: S) => ({ spiffeId: serviceSpiffeId(trustDomain, region, service), service })
  const database = (service: ServiceName): OpenDatabase =>
    openDatabase({ connection: as(service, `${service}_runtime`), contextKey: secrets.databases.contextKeys[service]!, maxConnections: 2 })
  const kms = await openLocalKeyring({ path: join(config.stateDir, 'keyring.json') })
  const keyStore = createPostgresKeyStore({ pool: workerPool(as('keys', 'keys_identity'), { max: 2 }), kms })
  const [identity, tenant] = [database('identity'), database('tenant')]
  const sealer = createSealer()
  try {
    const platformKey = await keyStore.createTenantKeys(PLATFORM_TENANT)
    await ensurePlatformTenant({ db: tenant, region, self: self('tenant') }, platformKey)
    const operator = await ensureFirstOperator(config, { db: identity, keyStore, sealer, region, self: self('identity') })
    return { platformKey, operator }
  } finally {
    await Promise.all([identity.close(), tenant.close(), keyStore.close()])
    sealer.close()
    kms.close()
  }
}
