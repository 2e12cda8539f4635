import type { Migration } from '../migrate.js'
import { contextSql } from './context.js'
import { outboxSql, requestSql } from './outbox.js'
import { tenantTableSql } from './tenant-table.js'

/** Migrations of the schema `platform` of a service's database: text here rather than files, because a bundle of a service carries them. Forward only. */
export const platformMigrations = (service: string): readonly Migration[] => [
  { number: 1, name: '0001_create_context', text: contextSql(service) },
  { number: 2, name: '0002_create_tenant_tables', text: tenantTableSql(service) },
  { number: 3, name: '0003_create_outbox', text: outboxSql(service) },
  { number: 4, name: '0004_create_request', text: requestSql(service) },
]
