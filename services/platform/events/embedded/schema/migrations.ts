import { withClient } from '../../../postgres/connection.js'
import type { ConnectionOptions } from '../../../postgres/connection.js'
import { applyMigrations } from '../../../postgres/migrate.js'
import type { Migration } from '../../../postgres/migrate.js'
import { groupsSql } from './groups.js'
import { topicsSql } from './topics.js'

/** Migrations of the database `events`: text here rather than files, because every service's bundle carries them. Forward only. */
export const eventLogMigrations: readonly Migration[] = [
  { number: 1, name: '0001_create_topics', text: topicsSql },
  { number: 2, name: '0002_create_groups', text: groupsSql },
]

/** Brings the database `events` up to date, with its owner's credential. Returns how many migrations were missing. */
export const migrateEventLog = (connection: ConnectionOptions): Promise<number> =>
  withClient(connection, (client) => applyMigrations(client, eventLogMigrations, 'log'))
