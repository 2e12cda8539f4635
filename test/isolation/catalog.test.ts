import { describe, expect, it } from '@jest/globals'
import { KEY_MIGRATIONS } from '../../services/platform/keys/postgres-key-store.js'
import { catalogViolations } from '../../services/platform/postgres/catalog.js'
import { testDatabase } from '../../services/platform/postgres/testing.js'

const migrationsOf = (service: string): URL => new URL(`../../services/${service}/migrations/`, import.meta.url)

/** Every database with tables of tenants, and the tables that hold no tenant's rows, with why they need no row-level security. */
const DATABASES: readonly { service: string; migrations: URL; exempt: readonly string[] }[] = [
  { service: 'identity', migrations: migrationsOf('identity'), exempt: [] },
  { service: 'data', migrations: migrationsOf('data'), exempt: [] },
  // Slugs are unique across tenants: the runtime role can add one and read none.
  { service: 'tenant', migrations: migrationsOf('tenant'), exempt: ['platform.directory'] },
  // Written by the appending function alone: the consumer's offsets, and messages that are nobody's.
  { service: 'audit', migrations: migrationsOf('audit'), exempt: ['platform.audit_offset', 'platform.set_aside'] },
  // Wrapped keys: no service has a tenant context here, and who may read what is granted by role.
  { service: 'keys', migrations: KEY_MIGRATIONS, exempt: ['pool.kek', 'pool.pair', 'pool.private_half'] },
]

describe('the catalog of every database (threats 3, 4, 5)', () => {
  for (const { service, migrations, exempt } of DATABASES) {
    it(`of ${service} keeps the rules of isolation, but for tables named with a reason`, async () => {
      const database = await testDatabase({ service, migrations })
      try {
        const query = <Row extends object>(text: string, values?: unknown[]) => database.query<Row & Record<string, unknown>>(text, values)
        expect(await catalogViolations(query as never, { exempt })).toEqual([])
        // Control: a tenant's table that nobody attached is found.
        await database.query('create table pool.unattached (tenant_id text primary key)')
        expect((await catalogViolations(query as never, { exempt })).join('\n')).toContain('pool.unattached')
      } finally {
        await database.close()
      }
    })
  }
})
