import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ListEventsRequestSchema, View } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { Entry, ListEventsRequest } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { Outcome } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../../platform/events/event-log.js'
import { accessRecordMessage, encodedPart } from '../../platform/events/testing.js'
import { newId, random16 } from '../../platform/ids.js'
import { KeyDestroyed } from '../../platform/keys/key-store.js'
import { createPageTokens } from '../../platform/keys/page-token.js'
import { createOpener } from '../../platform/keys/x25519-opener.js'
import { createSealer } from '../../platform/keys/x25519-sealer.js'
import { agree, newPair } from '../../platform/keys/x25519.js'
import { startConsumer } from '../consume.js'
import type { AuditParts } from '../parts.js'
import type { AuditFixture } from '../testing.js'
import { event, noTracer, silent, startFixture, testCall, until } from '../testing.js'
import { getEvent } from './get-event.js'
import { listEvents } from './list-events.js'
import { prepareTenant } from './prepare-tenant.js'

const pairs = new Map([
  ['key_tenant', newPair()],
  ['key_usr_1', newPair()],
])
const destroyed = new Set<string>()
const opener = createOpener({
  keys: {
    agree: async (_tenant, keyId, ephemeral) => {
      if (destroyed.has(keyId)) throw new KeyDestroyed(keyId)
      return agree(pairs.get(keyId)!.privateKey, ephemeral)
    },
    publicKey: async (_tenant, keyId) => pairs.get(keyId)!.publicKey,
  },
  maxAgeMs: 0,
})
const sealer = createSealer()
const part = (tenant: string, boundTo: string, keyId: string, details: Record<string, unknown>) =>
  sealer.seal({ keyId, publicKey: pairs.get(keyId)!.publicKey }, tenant, boundTo, details, keyId === 'key_tenant' ? undefined : 'usr_1')

const CANARY = 'canary@example.org'

describe('reading a log', () => {
  let fixture: AuditFixture
  let parts: AuditParts
  const tenant = newId('ten')
  const other = newId('ten')
  const sent: Message[] = []
  const decisionId = random16()

  beforeAll(async () => {
    fixture = await startFixture()
    parts = {
      db: fixture.audit.db,
      opener,
      pageTokens: createPageTokens({ secret: Buffer.alloc(32, 7) }),
      keyStore: { createTenantKeys: async () => ({ keyId: 'key_new', publicKey: new Uint8Array(32).fill(9) }) },
    }
    for (let i = 0; i < 12; i++)
      sent.push(event(tenant, { subject: `tenants/${tenant}/x/${i}`, time_us: `${1767225600000000 + i * 1_000_000}` }))
    const id = newId('evt')
    const sealed = [
      encodedPart(part(tenant, id, 'key_tenant', { note: CANARY })),
      encodedPart(part(tenant, id, 'key_usr_1', { email: CANARY, at: { deep: [1, null] } })),
    ]
    sent.push(event(tenant, { id, sealed, type: 'tenantry.data.user.created.v1', decision_id: decisionId }))
    await fixture.eventLog.produce('changes', sent)
    await fixture.eventLog.produce('changes', [event(other)])
    const consumer = await startConsumer({ db: fixture.audit.db, eventLog: fixture.eventLog, tracer: noTracer, log: silent })
    await until(async () => (await consumer.lag()) === 0n)
    const denied = accessRecordMessage({
      tenantId: tenant,
      decisionId,
      outcome: Outcome.DENIED,
      actor: { subject: 'usr_1' },
      sealed: [part(tenant, decisionId.toString('hex'), 'key_usr_1', { ip: CANARY })],
    })
    sent.push(denied)
    await fixture.eventLog.produce('access', [denied])
    await until(async () => (await fixture.leaves(tenant)).length === 14)
    await consumer.close()
  })
  afterAll(() => fixture.close())

  const call = (of = tenant, subject = 'usr_1') => testCall(of, 'tenantry.audit.v1.AuditService/ListEvents', subject)
  const list = async (over: Partial<ListEventsRequest> = {}, as = call()) => {
    const answer = await listEvents(parts)(create(ListEventsRequestSchema, { tenantId: tenant, ...(over as object) }), as)
    return { entries: answer.entries as Entry[], nextPageToken: answer.nextPageToken! }
  }
  const get = async (eventId: string, view = View.BASIC, as = call()) => {
    const answer = await getEvent(parts)({ $typeName: 'tenantry.audit.v1.GetEventRequest', tenantId: tenant, eventId, view }, as)
    return answer.entry as Entry
  }

  describe('listEvents()', () => {
    it('pages newest first, and oldest first when asked', async () => {
      for (const [orderBy, order] of [
        ['', [...sent].reverse()],
        ['index', sent],
      ] as const) {
        const found: string[] = []
        let pageToken = ''
        do {
          const page = await list({ pageSize: 5, pageToken, orderBy })
          expect(page.entries.length).toBeLessThanOrEqual(5)
          found.push(...page.entries.map(({ entryId }) => entryId))
          pageToken = page.nextPageToken
        } while (pageToken !== '')
        expect(found).toEqual(order.map(({ id }) => id))
      }
    })

    it('shows the clear part of a call: event and access record with one decision id', async () => {
      const { entries } = await list({ filter: `decision_id = "${decisionId.toString('hex')}"` })
      expect(entries.map(({ entry }) => entry.case)).toEqual(['access', 'event'])
      expect(new Set(entries.map((entry) => entry.decisionId))).toEqual(new Set([decisionId.toString('hex')]))
      expect(entries[0]!.entry.value).toMatchObject({ outcome: Outcome.DENIED, method: 'tenantry.data.v1.RecordService/GetRecord' })
    })

    it.each([
      ['type = "access"', 1],
      ['outcome = denied AND actor = usr_1', 1],
      ['NOT type = access', 13],
      ['type:"user.created" OR method:"GetRecord"', 2],
      ['time >= 2026-01-01T00:00:10Z AND time < 2026-01-01T00:00:12Z', 2],
      ['index < 3', 3],
      ['resource:"/x/1" AND -resource:"/x/1"', 0],
      ['trace_id = 4bf92f3577b34da6a3ce929d0e0e4736 AND action = data.record.create', 13],
    ])('filters: %s', async (filter, count) => {
      expect((await list({ filter })).entries).toHaveLength(count)
    })

    it.each(['nosuch = 1', 'decision_id = "xyz"', 'outcome = maybe', "type = 'a' OR '1'='1'"])('refuses the filter %s', async (filter) => {
      await expect(list({ filter })).rejects.toMatchObject({ reason: 'INVALID_FILTER' })
    })

    it('refuses the page token of another list, subject or tenant', async () => {
      const { nextPageToken } = await list({ pageSize: 1, filter: 'index < 5' })
      const attempts = [
        list({ pageToken: nextPageToken }),
        list({ pageToken: nextPageToken, filter: 'index < 5', orderBy: 'index' }),
        list({ pageToken: nextPageToken, filter: 'index < 5' }, call(tenant, 'usr_2')),
        list({ pageToken: nextPageToken, filter: 'index < 5' }, call(other)),
        list({ pageToken: 'nonsense', filter: 'index < 5' }),
      ]
      for (const attempt of attempts) await expect(attempt).rejects.toMatchObject({ reason: 'INVALID_PAGE_TOKEN' })
      expect((await list({ pageToken: nextPageToken, filter: 'index < 5' })).entries).toHaveLength(4)
    })

    it('shows a tenant its own log only', async () => {
      expect((await list({}, call(other))).entries).toHaveLength(1)
      expect((await list({}, call(newId('ten')))).entries).toHaveLength(0)
    })
  })

  describe('views', () => {
    const text = (entries: unknown) =>
      JSON.stringify(entries, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
      )

    it('BASIC has nothing personal in it, opened or sealed; commitments stay', async () => {
      for (const view of [View.UNSPECIFIED, View.BASIC]) {
        const { entries } = await list({ view })
        expect(text(entries)).not.toContain(CANARY)
        const sealed = (entries[0]!.entry.value as { sealed: { keyId: string; commitment: Uint8Array; ciphertext: Uint8Array }[] }).sealed
        expect(sealed).toMatchObject([{ keyId: 'key_usr_1' }])
        expect(sealed[0]!.commitment).toHaveLength(32)
        expect(sealed[0]!.ciphertext).toHaveLength(0)
      }
      // Control: the canary is there to be found.
      expect(text(await list({ view: View.FULL }))).toContain(CANARY)
    })

    it('FULL opens the parts of events and of access records', async () => {
      const { entries } = await list({ view: View.FULL, pageSize: 2 })
      expect(entries[0]!.opened).toEqual({ key_usr_1: { ip: CANARY } })
      expect(entries[1]!.opened).toEqual({ key_tenant: { note: CANARY }, key_usr_1: { email: CANARY, at: { deep: [1, null] } } })
    })

    it('leaves out a part whose key was destroyed, and shows the rest', async () => {
      destroyed.add('key_usr_1')
      const entry = await get(sent[12]!.id, View.FULL)
      destroyed.clear()
      expect(entry.opened).toEqual({ key_tenant: { note: CANARY } })
    })
  })

  describe('getEvent()', () => {
    it('finds an entry by the id of its event or of its place in the journal', async () => {
      for (const at of [0, 12, 13]) expect(await get(sent[at]!.id)).toMatchObject({ entryId: sent[at]!.id, index: BigInt(at) })
    })

    it('answers alike for what is absent and for what is another tenant’s', async () => {
      const theirs = (await fixture.leaves(other))[0]!.id
      const answers = await Promise.all(
        [theirs, newId('evt')].map((id) => get(id).catch((error: Error) => ({ ...error, message: error.message }))),
      )
      expect(answers[0]).toMatchObject({ reason: 'NOT_FOUND', message: 'event not found' })
      expect(answers[1]).toEqual(answers[0])
      expect(await get(theirs, View.BASIC, call(other))).toMatchObject({ entryId: theirs })
    })
  })

  describe('prepareTenant()', () => {
    it('begins a log and answers with the key, as often as it is asked, also when records came first', async () => {
      const fresh = newId('ten')
      const prepare = (of: string) => prepareTenant(parts)({} as never, testCall(of, 'tenantry.tenancy.v1.TenancyService/PrepareTenant'))
      for (const each of [fresh, fresh, tenant]) expect(await prepare(each)).toMatchObject({ publicKeyId: 'key_new' })
      const heads = await fixture.audit.query('select tenant_id, size::int as size from pool.audit_log where tenant_id = any ($1)', [
        [fresh, tenant],
      ])
      expect(heads).toEqual(
        expect.arrayContaining([
          { tenant_id: fresh, size: 0 },
          { tenant_id: tenant, size: 14 },
        ]),
      )
    })
  })
})
