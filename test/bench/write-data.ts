import { createHash, randomUUID } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { CollectionService, CreateCollectionRequestSchema, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { CreateRecordRequestSchema, RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { TenantFactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { TenantFact } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { PrepareTenantRequestSchema, TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { MIGRATIONS, openDataService, schemaOf } from '../../services/data/service.js'
import { testCall } from '../../services/data/testing.js'
import type { Placement, TestCall } from '../../services/data/testing.js'
import { newId, random16 } from '../../services/platform/ids.js'
import { createPageTokens } from '../../services/platform/keys/page-token.js'
import { createSealer } from '../../services/platform/keys/x25519-sealer.js'
import { workDeadline } from '../../services/platform/mesh/deadline.js'
import type { ConnectionOptions } from '../../services/platform/postgres/connection.js'
import { startEmbedded } from '../../services/platform/postgres/embedded.js'
import { migrate } from '../../services/platform/postgres/migrate.js'
import { openDatabase } from '../../services/platform/postgres/open-database.js'
import { provision, secretsFor, servicePlan } from '../../services/platform/postgres/provisioner.js'

/** Connections of each side, as many as a service has. */
export const CONNECTIONS = 10

export interface Target {
  readonly tenantId: string
  readonly collectionId: string
}

/** What one record holds: about 400 bytes of JSON. */
export const FIELDS = {
  customer: 'Aaron Mitchell',
  company: 'Mitchell & Sons Trading',
  address: '696 Osborne Street, Winnipeg MB R3L 2B9, Canada',
  phone: '+1 (204) 452-6452',
  email: 'aaronmitchell@example.org',
  date: '2013-12-06',
  total: 5.94,
  notes: 'To be delivered to the back entrance on weekdays between nine and five; ring twice. '.repeat(2),
}

/** Data on an embedded Postgres as `npm start` runs it: its settings, its roles, its migrations; flushed at every commit. */
export const openData = async (directory: string) => {
  const postgres = await startEmbedded({ directory })
  const plans = [servicePlan('data')]
  const secrets = secretsFor(undefined, plans)
  const at = (database: string, user: string, password: string): ConnectionOptions => ({
    host: postgres.host,
    port: postgres.port,
    database,
    user,
    password,
  })
  const superuser = at('postgres', postgres.superuser, postgres.password)
  await provision({ superuser, secrets, plans })
  const as = (role: string) => at('data', role, secrets.passwords[role]!)
  await migrate({ connection: as('data_owner'), directory: MIGRATIONS })

  const tenants = new Map<string, TenantFact>()
  const facts = { tenant: (id: string) => tenants.get(id), subject: () => undefined }
  const db = openDatabase({
    connection: as('data_runtime'),
    contextKey: secrets.contextKeys['data']!,
    schemaOf: schemaOf(facts),
    maxConnections: CONNECTIONS,
  })
  const sealer = createSealer()
  const service = openDataService({
    db,
    facts,
    // The KMS is apart: keys are at hand, as they are in a service's cache.
    keyStore: {
      dataKey: async (tenantId, purpose) => ({ keyId: 'bench', key: createHash('sha256').update(`${tenantId}/${purpose}`).digest() }),
      ready: async () => true,
    },
    sealer,
    pageTokens: createPageTokens({ secret: Buffer.alloc(32, 7) }),
  })
  const rpcOf = (method: object) => service.routes.find((route) => route.method === method)!.rpc as unknown as Rpc
  const [prepareTenant, createCollection, createRecord] = [
    rpcOf(TenancyService.method.prepareTenant),
    rpcOf(CollectionService.method.createCollection),
    rpcOf(RecordService.method.createRecord),
  ]
  const calls = new Map<string, TestCall>()

  return {
    superuser: { ...superuser, database: 'data' },
    /** The data service's step of provisioning: milliseconds. */
    async prepare(placement: Placement): Promise<{ tenantId: string; ms: number }> {
      const tenantId = newId('ten')
      const call = testCall(TenancyService.method.prepareTenant, { tenant: tenantId, timeoutMs: 60_000 })
      const request = create(PrepareTenantRequestSchema, {
        tenantId,
        operationId: newId('op'),
        placement,
        tier: 'standard',
        region: 'local',
      })
      const started = performance.now()
      await prepareTenant(request, call)
      const ms = performance.now() - started
      tenants.set(tenantId, create(TenantFactSchema, { tenantId, placement, status: 'active', region: 'local' }))
      return { tenantId, ms }
    },
    async collection(tenantId: string): Promise<Target> {
      const call = testCall(CollectionService.method.createCollection, { tenant: tenantId, timeoutMs: 60_000 })
      const fields = Object.entries(FIELDS).map(([name, value]) => ({
        name,
        type: typeof value === 'number' ? FieldType.NUMBER : FieldType.STRING,
      }))
      const request = create(CreateCollectionRequestSchema, { tenantId, name: 'invoices', fields })
      const { collection } = (await createCollection(request, call)) as { collection: { collectionId: string } }
      calls.set(tenantId, testCall(RecordService.method.createRecord, { tenant: tenantId, timeoutMs: 3_600_000 }))
      return { tenantId, collectionId: collection.collectionId }
    },
    /** One CreateRecord, behind the chain: definition, event, context, statement, COMMIT. */
    async write({ tenantId, collectionId }: Target, withRequestId: boolean): Promise<void> {
      const deadline = workDeadline(30_000)
      const known = calls.get(tenantId)!
      const { decision } = known
      const call = {
        ...known,
        deadline,
        decisionId: random16(),
        // Deciding is the chain's and the policy's: measured there.
        mayWrite: true,
        decideWithRow: async () => decision,
        nextEvent: () => ({ id: newId('evt'), ordinal: 1 }),
        dropEvents: () => undefined,
      }
      const request = create(CreateRecordRequestSchema, {
        tenantId,
        collectionId,
        fields: FIELDS,
        requestId: withRequestId ? randomUUID() : '',
      })
      try {
        await createRecord(request, call)
      } finally {
        deadline.settle()
      }
    },
    async close(): Promise<void> {
      await service.close()
      await db.close()
      sealer.close()
      await postgres.stop()
    },
  }
}

type Rpc = (request: object, call: object) => Promise<object>
