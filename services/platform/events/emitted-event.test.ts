import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { newId, random16 } from '../ids.js'
import { createSealer } from '../keys/x25519-sealer.js'
import { newPair } from '../keys/x25519.js'
import { emitting } from '../postgres/emitting.js'
import { systemCall, testDatabase } from '../postgres/testing.js'
import type { TestDatabase } from '../postgres/testing.js'
import type { EventDraft } from './draft.js'
import type { Message } from './event-log.js'
import { parseEnvelope } from './parse-envelope.js'
import { sealDraft } from './prepare-draft.js'
import { relayPass } from './relay.js'

const MIGRATION = `
  create table pool.thing (tenant_id text not null, id text not null, name text not null, version bigint not null, primary key (tenant_id, id));
  select platform.attach_tenant_table('pool.thing');`

describe('an event from the change that makes it to the event log', () => {
  let database: TestDatabase
  const sent: Message[] = []
  beforeAll(async () => {
    database = await testDatabase({ service: 'identity', migrations: [MIGRATION] })
  })
  afterAll(() => database.close())

  it('says what the statement did, and nothing personal in clear', async () => {
    const tenant = newId('ten')
    const decisionId = random16()
    const key = { keyId: 'key_1', publicKey: newPair().publicKey }
    const system = systemCall({ tenant })
    const call = {
      ...system,
      decisionId,
      region: 'local',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/gateway', service: 'gateway' as const },
      method: { name: 'tenantry.identity.v1.UserService/CreateUser', option: { action: 'identity.user.create' } },
      nextEvent: () => ({ id: newId('evt'), ordinal: 1 }),
    }
    const draft: EventDraft = {
      type: 'tenantry.identity.user.created.v1',
      topic: 'facts',
      subject: `tenants/${tenant}/users/usr_1`,
      changedFields: ['name'],
      attributes: { kind: 'user' },
      factSql: `jsonb_build_object('subject', jsonb_build_object('tenantId', changed.tenant_id, 'subjectId', changed.id, 'version', changed.version))`,
      personal: [{ details: { name: 'canary' } }],
    }
    const sealed = sealDraft(draft, call, createSealer(), { tenant: () => undefined, subject: () => undefined }, { [tenant]: key })
    const insert = {
      name: 'insert-thing',
      text: 'insert into @.thing (tenant_id, id, name, version) values ($1, $2, $3, 1) returning *',
      values: [tenant, 'usr_1', 'x'],
      rows: 1,
    }
    await database.db.run(call, emitting(insert, sealed, call))
    const pass = relayPass({
      pool: database.pool('identity_relay'),
      eventLog: { produce: async (_topic, messages) => void sent.push(...messages) },
      service: 'identity',
      tracer: trace.getTracer('none'),
      log: pino({ level: 'silent' }),
    })
    expect(await pass()).toBe(1)
    expect(await pass()).toBe(0)
    const envelope = parseEnvelope(sent[0]!.value, tenant)
    if (envelope.kind !== 'event') throw new Error('not an event')
    expect(envelope.event).toMatchObject({
      id: sealed.id,
      type: draft.type,
      tenantId: tenant,
      subject: draft.subject,
      version: 1n,
      ordinal: 1,
      action: 'identity.user.create',
      changedFields: ['name'],
      attributes: { kind: 'user' },
      actor: { kind: 'anonymous', workload: call.workload.spiffeId },
      fact: { fact: { case: 'subject', value: { tenantId: tenant, subjectId: 'usr_1', version: 1n } } },
    })
    expect(Buffer.from(envelope.event.decisionId)).toEqual(decisionId)
    expect(envelope.event.sealed.map(({ commitment }) => commitment.length)).toEqual([32])
    expect(Buffer.from(sent[0]!.value).includes('canary')).toBe(false)
  })
})
