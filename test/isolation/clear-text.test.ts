import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { Classification, CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { Tier } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { SERVICE_NAMES, metricsPortOf } from '../../services/platform/runtime/endpoints.js'
import type { Platform, Seat } from '../platform.js'
import { startPlatform } from '../platform.js'
import type { Haystack } from './haystack.js'
import { filesOf, tablesOf, whereIs } from './haystack.js'

const canary = (kind: string): string => `${kind}${randomBytes(9).toString('hex')}`

/** What is personal or secret, and must stand nowhere but in the tables that it is for. */
const CANARIES = {
  name: canary('Ada'),
  changedName: canary('Grace'),
  email: `${canary('ada')}@example.test`,
  changedEmail: `${canary('grace')}@example.test`,
  password: canary('Pass'),
  newPassword: canary('Word'),
  wrongPassword: canary('Wrong'),
  strangerEmail: `${canary('stranger')}@example.test`,
  refusedEmail: `${canary('refused')}.example.test`,
  field: canary('Field'),
  changedField: canary('Changed'),
  importedField: canary('Imported'),
  refusedField: canary('Unfit'),
  filter: canary('Filter'),
}

/** A collector of traces that keeps the bytes. */
const openCollector = async (): Promise<{ server: Server; url: string; received: Buffer[] }> => {
  const received: Buffer[] = []
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk))
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

const refused = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => {
      throw new Error('a call that must fail did not')
    },
    (error: { reason: string }) => error.reason,
  )

/** threats 48 */
describe('clear text', () => {
  let collector: Awaited<ReturnType<typeof openCollector>>
  let platform: Platform
  let written: Haystack
  let recordId: string
  const secrets: Record<string, string> = { ...CANARIES }

  beforeAll(async () => {
    collector = await openCollector()
    // The exporter reads the standard variables itself.
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'always_on', OTEL_BSP_SCHEDULE_DELAY: '200' }
    Object.assign(process.env, otel)
    platform = await startPlatform({ otel, overrides: { logLevel: 'trace' } })
    await keepOutboxes()
    for (const tier of [Tier.STANDARD, Tier.PREMIUM]) await live(tier)
    await quiet()
    written = await everything()
  }, 120_000)
  afterAll(async () => {
    await platform?.stop()
    collector.server.closeAllConnections()
    collector.server.close()
  }, 60_000)

  /** Rows leave an outbox within milliseconds: a trigger keeps a copy of each. */
  const keepOutboxes = async (): Promise<void> => {
    for (const database of ['identity', 'tenant', 'data'])
      await platform.query(
        database,
        `create table platform.outbox_seen as select * from platform.outbox with no data;
         create function platform.see_outbox() returns trigger language plpgsql security definer as
           $$ begin insert into platform.outbox_seen select new.*; return null; end $$;
         create trigger see_outbox after insert on platform.outbox for each row execute function platform.see_outbox()`,
      )
  }

  /** What people do, well and badly. */
  const live = async (tier: Tier): Promise<void> => {
    const { tenantId, slug, seats } = await platform.onboard('own', tier, [])
    const { edge } = seats.admin
    const users = edge.client(UserService)
    const { user } = await users.createUser({ tenantId, email: CANARIES.email, displayName: CANARIES.name, password: CANARIES.password })
    const seat: Seat = await platform.logIn(slug, CANARIES.email, CANARIES.password)
    Object.assign(secrets, { [`token ${slug}`]: seat.token.slice(-60), [`refresh token ${slug}`]: seat.refreshToken.slice(-30) })
    const sessions = platform.edgeOf().client(SessionService)
    const login = (email: string, password: string) => refused(sessions.createSession({ slug, email, password }))
    expect(await login(CANARIES.email, CANARIES.wrongPassword)).toBe('CREDENTIALS_REJECTED')
    expect(await login(CANARIES.strangerEmail, CANARIES.wrongPassword)).toBe('CREDENTIALS_REJECTED')
    expect(await refused(users.createUser({ tenantId, email: CANARIES.refusedEmail, displayName: CANARIES.name }))).toBe('INVALID_FIELD')
    expect(await refused(users.createUser({ tenantId, email: CANARIES.email }))).toBe('ALREADY_EXISTS')
    await users.listUsers({ tenantId, filter: `email = '${CANARIES.filter}@example.test'` })
    const { userId } = user!
    const updateMask = { paths: ['email', 'display_name'] }
    await users.updateUser({ tenantId, userId, email: CANARIES.changedEmail, displayName: CANARIES.changedName, updateMask })
    await seat.edge
      .client(UserService)
      .setPassword({ tenantId, userId, currentPassword: CANARIES.password, newPassword: CANARIES.newPassword })
    await sessions.refreshSession({ tenantId, refreshToken: seat.refreshToken })

    const { collection } = await edge.client(CollectionService).createCollection({
      tenantId,
      name: 'people',
      fields: [
        { name: 'name', type: FieldType.STRING, classification: Classification.CONFIDENTIAL },
        { name: 'age', type: FieldType.NUMBER },
      ],
    })
    const { collectionId } = collection!
    const records = edge.client(RecordService)
    const { record } = await records.createRecord({ tenantId, collectionId, fields: { name: CANARIES.field } })
    recordId = record!.recordId
    await records.updateRecord({
      tenantId,
      collectionId,
      recordId,
      fields: { name: CANARIES.changedField },
      updateMask: { paths: ['fields.name'] },
    })
    await records.importRecords(
      (async function* () {
        yield { tenantId, collectionId, records: [{ recordId: 'imported', fields: { name: CANARIES.importedField } }] }
      })(),
    )
    expect(await refused(records.createRecord({ tenantId, collectionId, fields: { age: CANARIES.refusedField } }))).toBe('INVALID_FIELD')
    await records.listRecords({ tenantId, collectionId, filter: `fields.name = '${CANARIES.filter}'` })
    await records.deleteRecord({ tenantId, collectionId, recordId: 'imported' })
  }

  /** Waits until the last call is in the log, and its spans are sent. */
  const quiet = async (): Promise<void> => {
    const { tenantId } = platform.operator
    const { entries: before } = await platform.operator.edge.client(AuditService).listEvents({ tenantId, pageSize: 1 })
    for (let left = 200; left > 0; left--) {
      const { entries } = await platform.operator.edge.client(AuditService).listEvents({ tenantId, pageSize: 1 })
      if (entries[0]?.index !== before[0]?.index) break
      await sleep(50)
    }
    await sleep(1_000)
  }

  /** All that is written beside the tables that are for it. */
  const everything = async (): Promise<Haystack> => {
    const databases = await Promise.all(
      ['identity', 'tenant', 'data', 'events', 'audit', 'keys', 'policy'].map((name) => tablesOf(platform, name)),
    )
    const metrics = await Promise.all(
      SERVICE_NAMES.map(async (name) => {
        const answer = await fetch(`http://127.0.0.1:${metricsPortOf(platform.config, name)}/metrics`)
        return [`metrics of ${name}`, Buffer.from(await answer.text())] as const
      }),
    )
    const [journal, log] = [filesOf(platform, 'journal'), filesOf(platform, 'log')]
    const spans = ['spans', Buffer.concat(collector.received)] as const
    return new Map([...databases.flatMap((tables) => [...tables]), ...metrics, ...journal, ...log, spans])
  }

  /** Tables that keep what people said, until records and users are sealed as well. */
  const FOR_IT = /^(identity|data) (pool|ten_\w+)\./

  it('of names, addresses, passwords, tokens, record fields and filters stands nowhere that it must not', () => {
    const found = Object.entries(secrets).map(([kind, text]) => [kind, whereIs(written, text).filter((where) => !FOR_IT.test(where))])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(Object.keys(secrets).map((kind) => [kind, []])))
  })

  it('of passwords and tokens stands in no table at all', () => {
    for (const [kind, text] of Object.entries(secrets))
      if (/password|token/i.test(kind)) expect([kind, whereIs(written, text)]).toEqual([kind, []])
  })

  it('would be found: an id stands in outbox, event log, audit log and journal, a method in spans, metrics and log', () => {
    const places = whereIs(written, recordId)
    for (const place of [/^data platform\.outbox_seen/, /^events /, /^audit pool\.leaf/, /^journal\//])
      expect(places).toContainEqual(expect.stringMatching(place))
    const named = whereIs(written, 'RecordService/CreateRecord')
    for (const place of [/^spans/, /^metrics of data/]) expect(named).toContainEqual(expect.stringMatching(place))
    expect(whereIs(written, '"service":"identity"')).toContainEqual(expect.stringMatching(/^log\//))
    // And the tables that are for it have it, in a shared schema and in one of the tenant's own.
    expect(whereIs(written, CANARIES.changedEmail)).toEqual(['identity pool.users'])
    const fields = whereIs(written, CANARIES.changedField)
    for (const place of [/^data pool\./, /^data ten_/]) expect(fields).toContainEqual(expect.stringMatching(place))
  })

  it('is looked for in every form', () => {
    const text = 'Ada0123456789'
    const spelled = {
      plain: text,
      hex: Buffer.from(text).toString('hex'),
      base64: Buffer.from(text).toString('base64'),
      shifted: Buffer.from(`x${text}yz`).toString('base64url'),
      further: Buffer.from(`xy${text}`).toString('base64'),
    }
    const haystack = new Map(Object.entries(spelled).map(([where, form]) => [where, Buffer.from(`..${form}..`)]))
    expect(whereIs(haystack, text)).toEqual(Object.keys(spelled))
  })
})
