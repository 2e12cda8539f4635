import type { Tracer } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import type { EventLog } from '../platform/events/event-log.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Opener } from '../platform/keys/sealer.js'
import type { Route } from '../platform/mesh/rpc.js'
import { routes } from '../platform/mesh/rpc.js'
import type { Database } from '../platform/postgres/database.js'
import type { ConsumeMetrics } from './consume.js'
import { startConsumer } from './consume.js'
import { getEvent } from './rpc/get-event.js'
import { listEvents } from './rpc/list-events.js'
import { prepareTenant } from './rpc/prepare-tenant.js'

export interface AuditDependencies {
  /** This service's database, as its runtime role. */
  readonly db: Database
  readonly eventLog: EventLog
  readonly keyStore: KeyStore
  readonly opener: Opener
  readonly pageTokens: PageTokens
  readonly tracer: Tracer
  readonly log: Logger
  readonly metrics?: ConsumeMetrics
}

export interface AuditServer {
  readonly routes: Route[]
  ready(): Promise<boolean>
  /** Messages that wait to be appended, in the partitions that this replica has. */
  lag(): Promise<bigint>
  /** Stops consuming after the batch at hand. What was given in stays open: it is the caller's. */
  close(): Promise<void>
}

/** The audit service: brings events and access records into tenants' logs, and shows them. */
export const createAuditService = async (parts: AuditDependencies): Promise<AuditServer> => {
  const { db, eventLog, keyStore, tracer, log, metrics } = parts
  const consumer = await startConsumer({ db, eventLog, tracer, log, metrics })
  return {
    routes: [
      ...routes(AuditService, { listEvents: listEvents(parts), getEvent: getEvent(parts) }),
      ...routes(TenancyService, { prepareTenant: prepareTenant(parts) }),
    ],
    ready: async () => (await Promise.all([db.ready(), eventLog.ready(), keyStore.ready()])).every(Boolean),
    lag: () => consumer.lag(),
    close: () => consumer.close(),
  }
}
