import { randomUUID } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { CreateRecordRequestSchema } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../ids.js'
import { runOnce, sweepRequests } from './once.js'
import type { OnceCall } from './once.js'
import type { Statement } from './statement.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({
    service: 'data',
    migrations: [
      `create table @.note (tenant_id text not null, id text not null, version bigint not null default 1, constraint note_pkey primary key (tenant_id, id));
       select platform.attach_tenant_table('@.note');`,
    ],
  })
})
afterAll(() => t.close())

const hmacKey = Buffer.alloc(32, 7)
const call = (tenant: string, subject = 'usr_1'): OnceCall => ({
  ...systemCall({ tenant }),
  subject: { id: subject },
  workload: { spiffeId: 'spiffe://x' },
  method: { name: 'tenantry.data.v1.RecordService/CreateRecord' },
})
const insert = (tenant: string, id: string): Statement<{ id: string; version: bigint }> => ({
  name: 'insert',
  text: 'insert into @.note (tenant_id, id) values ($1, $2) returning *',
  values: [tenant, id],
  rows: 1,
  constraints: { note_pkey: { reason: 'ALREADY_EXISTS', message: 'exists' } },
})
const ask = (as: OnceCall, requestId: string, recordId: string, id = recordId || newId('rec'), answer?: Buffer) => {
  const request = create(CreateRecordRequestSchema, { tenantId: as.tenant, recordId, requestId })
  return runOnce(t.db, as, { desc: CreateRecordRequestSchema, request, hmacKey }, async (attach) => {
    const [[row]] = await t.db.run(as, attach(insert(as.tenant, id), id, answer))
    return row!
  })
}
const notes = async (tenant: string) => (await t.query('select from pool.note where tenant_id = $1', [tenant])).length

describe('runOnce()', () => {
  it('answers a repetition as the first time', async () => {
    const as = call(newId('ten'))
    const id = randomUUID()
    const first = await ask(as, id, 'a', 'a', Buffer.from('sealed'))
    expect(first).toMatchObject({ replayed: false, result: { id: 'a' } })
    const again = await ask(as, id, 'a')
    expect(again).toMatchObject({ replayed: true, kept: { name: 'a', version: 1n, answer: Buffer.from('sealed') } })
    expect(await notes(as.tenant)).toBe(1)
  })

  it('replays what has an id of its own each time, too: the request id alone is taken', async () => {
    const as = call(newId('ten'))
    const id = randomUUID()
    const first = await ask(as, id, '')
    const again = await ask(as, id, '')
    expect(again).toMatchObject({ replayed: true, kept: { name: (first as { result: { id: string } }).result.id } })
    expect(await notes(as.tenant)).toBe(1)
  })

  it('refuses the id for another body', async () => {
    const as = call(newId('ten'))
    const id = randomUUID()
    await ask(as, id, 'a')
    await expect(ask(as, id, 'b', 'a')).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' })
    await expect(ask(as, id, 'b')).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' })
  })

  it('gives an id that was never used the error itself', async () => {
    const as = call(newId('ten'))
    await ask(as, '', 'a')
    await expect(ask(as, randomUUID(), 'a')).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' })
  })

  it('keeps callers and tenants apart', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    const id = randomUUID()
    await ask(call(a), id, 'x')
    expect(await ask(call(b), id, 'x')).toMatchObject({ replayed: false })
    expect(await ask(call(a, 'usr_2'), id, 'other')).toMatchObject({ replayed: false })
  })

  it('lets one of many at once through', async () => {
    const as = call(newId('ten'))
    const id = randomUUID()
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(as, id, '')))
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(await notes(as.tenant)).toBe(1)
  })

  it('negative control: without the row of the request id each attempt writes', async () => {
    const as = call(newId('ten'))
    await Promise.all(Array.from({ length: 3 }, () => ask(as, '', '')))
    expect(await notes(as.tenant)).toBe(3)
  })
})

describe('sweepRequests()', () => {
  it('removes what has had its time, with the role of the relay', async () => {
    const as = call(newId('ten'))
    await ask(as, randomUUID(), 'a')
    await ask(as, randomUUID(), 'b')
    await t.query(`update platform.request set expires = now() - interval '1 s' where tenant_id = $1 and name = 'a'`, [as.tenant])
    expect(await sweepRequests(t.pool('data_relay'))).toBe(1)
    expect(await t.query('select name from platform.request where tenant_id = $1', [as.tenant])).toEqual([{ name: 'b' }])
  })
})
