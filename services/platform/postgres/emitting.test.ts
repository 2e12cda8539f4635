import { create, fromBinary } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { SealedDraft } from '../events/draft.js'
import { PLATFORM_TENANT, newId } from '../ids.js'
import { emitting, emittingEach } from './emitting.js'
import type { Statement } from './statement.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({
    service: 'data',
    migrations: [
      `create table @.note (tenant_id text not null, id text not null, version bigint not null default 1, primary key (tenant_id, id));
       select platform.attach_tenant_table('@.note');`,
    ],
  })
})
afterAll(() => t.close())

const part = (text: string) => create(SealedPartSchema, { keyId: 'k', ciphertext: Buffer.from(text) })
const draft = (over: Partial<SealedDraft> = {}): SealedDraft => ({
  id: newId('evt'),
  ordinal: 1,
  type: 'tenantry.data.note.created.v1',
  topic: 'changes',
  subject: 'notes/1',
  sealed: [],
  ...over,
})
interface Note {
  id: string
  version: bigint
}
const insert = (tenant: string, ...ids: string[]): Statement<Note> => ({
  name: 'insert',
  text: 'insert into @.note (tenant_id, id) select $1, unnest($2::text[]) returning *',
  values: [tenant, ids],
  rows: ids.length,
})
const update = (tenant: string, id: string): Statement<Note> => ({
  name: 'update',
  text: 'update @.note set version = version + 1 where tenant_id = $1 and id = $2 returning *',
  values: [tenant, id],
  rows: 1,
})
const outbox = (tenant: string) => t.query('select * from platform.outbox where tenant_id = $1 order by seq', [tenant])

describe('emitting()', () => {
  it('writes the event with the change, from its RETURNING', async () => {
    const tenant = newId('ten')
    const call = { ...systemCall({ tenant }), workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/data' }, region: 'eu' }
    const made = draft({
      changedFields: ['name'],
      attributes: { a: '1' },
      sealed: [part('x'), part('y')],
      factSql: `jsonb_build_object('id', changed.id)`,
    })
    const [[row]] = await t.db.run(call, emitting(insert(tenant, 'n1'), made, call))
    expect(row).toMatchObject({ id: 'n1', version: 1n })
    const [event] = await outbox(tenant)
    expect(event).toMatchObject({
      id: made.id,
      topic: 'changes',
      type: made.type,
      subject: 'notes/1',
      version: 1n,
      ordinal: 1,
      region: 'eu',
      actor: { workload: call.workload.spiffeId, kind: 'workload' },
      changed_fields: ['name'],
      attributes: { a: '1' },
      fact: { id: 'n1' },
    })
    expect(event!['sealed'].map((bytes: Buffer) => Buffer.from(fromBinary(SealedPartSchema, bytes).ciphertext).toString())).toEqual([
      'x',
      'y',
    ])
    await t.db.run(call, emitting(update(tenant, 'n1'), draft(), call))
    expect((await outbox(tenant))[1]).toMatchObject({ version: 2n, fact: null })
  })

  it('writes no event when no row changed', async () => {
    const tenant = newId('ten')
    const call = systemCall({ tenant })
    await expect(t.db.run(call, emitting(update(tenant, 'absent'), draft(), call))).rejects.toMatchObject({ reason: 'NOT_FOUND' })
    const [rows] = await t.db.run(call, emitting({ ...update(tenant, 'absent'), rows: 'any' }, draft(), call))
    expect(rows).toEqual([])
    expect(await outbox(tenant)).toEqual([])
  })

  it('writes into the log of another tenant from a context of the platform tenant only', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    const mine = systemCall({ tenant: a })
    await expect(t.db.run(mine, emitting(insert(a, 'n'), draft({ tenant: b }), mine))).rejects.toThrow(/row-level security/)
    const platform = systemCall({ tenant: PLATFORM_TENANT })
    await t.db.run(platform, emitting(insert(PLATFORM_TENANT, a), draft({ tenant: b }), platform))
    expect(await outbox(b)).toHaveLength(1)
  })
})

describe('emittingEach()', () => {
  it('writes an event for each row, by its key', async () => {
    const tenant = newId('ten')
    const call = systemCall({ tenant })
    const drafts = new Map([
      ['b', draft({ subject: 'notes/b', ordinal: 1, changedFields: ['x,y', '"z"'], sealed: [part('1'), part('2')] })],
      ['a', draft({ subject: 'notes/a', ordinal: 2 })],
    ])
    await t.db.run(call, emittingEach(insert(tenant, 'a', 'b'), 'id', drafts, call))
    const events = await outbox(tenant)
    expect(Object.fromEntries(events.map((event) => [event['subject'], event['id']]))).toEqual({
      'notes/a': drafts.get('a')!.id,
      'notes/b': drafts.get('b')!.id,
    })
    const b = events.find((event) => event['subject'] === 'notes/b')!
    expect(b['changed_fields']).toEqual(['x,y', '"z"'])
    expect(b['sealed'].map((bytes: Buffer) => Buffer.from(fromBinary(SealedPartSchema, bytes).ciphertext).toString())).toEqual(['1', '2'])
  })

  it('fails when a changed row has no event', async () => {
    const tenant = newId('ten')
    const call = systemCall({ tenant })
    await expect(t.db.run(call, emittingEach(insert(tenant, 'a', 'b'), 'id', new Map([['a', draft()]]), call))).rejects.toThrow(/outbox/)
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(0)
  })
})

describe('the outbox', () => {
  it('can be read back by the relay only, which changes nothing', async () => {
    const tenant = newId('ten')
    const call = systemCall({ tenant })
    await t.db.run(call, emitting(insert(tenant, 'a'), draft(), call))
    const read = { name: 'read', text: 'select * from platform.outbox', values: [] }
    await expect(t.db.run(call, read)).rejects.toMatchObject({ code: '42501' })
    const relay = t.pool('data_relay')
    expect((await relay.query('select id from platform.outbox where tenant_id = $1 for update skip locked', [tenant])).rowCount).toBe(1)
    await expect(relay.query(`update platform.outbox set tenant_id = 'x'`)).rejects.toMatchObject({ code: '42501' })
    await expect(relay.query(`update platform.outbox set subject = 'x'`)).rejects.toMatchObject({ code: '42501' })
    await expect(relay.query('select * from pool.note')).rejects.toMatchObject({ code: '42501' })
    expect((await relay.query('delete from platform.outbox where tenant_id = $1', [tenant])).rowCount).toBe(1)
  })
})
