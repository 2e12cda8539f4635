import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { newId } from '../ids.js'
import type { Statement } from './statement.js'
import { systemCall, testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

interface Note {
  tenant_id: string
  id: string
  version: bigint
  body: string
}

const NOTES = `
  create table @.note (tenant_id text not null, id text not null, version bigint not null default 1, body text not null, constraint note_pkey primary key (tenant_id, id));
  select platform.attach_tenant_table('@.note', 'platform-read');`

const insertNote = (tenant: string, id: string, body = 'x'): Statement<Note> => ({
  name: 'insert-note',
  text: 'insert into @.note (tenant_id, id, body) values ($1, $2, $3) returning *',
  values: [tenant, id, body],
  rows: 1,
  constraints: { note_pkey: { reason: 'ALREADY_EXISTS', message: 'the note exists' } },
})
const updateNote = (tenant: string, id: string, version: bigint): Statement<Note> => ({
  name: 'update-note',
  text: 'update @.note set version = version + 1 where tenant_id = $1 and id = $2 and version = $3 returning *',
  values: [tenant, id, version],
  rows: 1,
  onRows: { reason: 'ETAG_MISMATCH', message: 'changed meanwhile' },
})
const selectNotes: Statement<Note> = { name: 'select-notes', text: 'select * from @.note order by id', values: [] }

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase({ service: 'data', migrations: [NOTES] })
})
afterAll(() => t.close())

describe('run()', () => {
  it('answers with the rows of each statement, of that tenant only', async () => {
    const [a, b] = [newId('ten'), newId('ten')]
    const [[made], seen] = await t.db.run(systemCall({ tenant: a }), insertNote(a, '1', 'mine'), selectNotes)
    expect(made).toMatchObject({ id: '1', version: 1n, body: 'mine' })
    expect(seen).toHaveLength(1)
    expect(await t.db.run(systemCall({ tenant: b }), selectNotes)).toEqual([[]])
  })

  it('raises in SQL when a change meets no row, and keeps nothing', async () => {
    const tenant = newId('ten')
    const work = t.db.run(systemCall({ tenant }), insertNote(tenant, '1'), updateNote(tenant, 'absent', 1n))
    await expect(work).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' })
    expect(await t.query('select from pool.note where tenant_id = $1', [tenant])).toHaveLength(0)
  })

  it('translates a constraint', async () => {
    const tenant = newId('ten')
    await t.db.run(systemCall({ tenant }), insertNote(tenant, '1'))
    await expect(t.db.run(systemCall({ tenant }), insertNote(tenant, '1'))).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' })
  })
})
