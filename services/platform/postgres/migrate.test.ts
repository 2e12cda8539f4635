import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { migrate, readMigrations } from './migrate.js'
import { testDatabase } from './testing.js'
import type { TestDatabase } from './testing.js'

let t: TestDatabase
let folder: string
beforeAll(async () => {
  t = await testDatabase({ service: 'data' })
})
afterAll(() => t.close())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-migrations-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
let schemas = 0
const newSchema = async () => {
  const schema = `m${++schemas}`
  await t.query(`create schema ${schema} authorization data_owner`)
  return schema
}
const directory = () => pathToFileURL(`${folder}/`)
const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const run = (schema: string) => migrate({ connection: t.owner, directory: directory(), schema })
const applied = (schema: string) =>
  t.query<{ number: number }>('select number from platform.migration where schema = $1 order by number', [schema])

describe('migrate()', () => {
  it('applies what is missing, in the schema it is told', async () => {
    const [a, b] = [await newSchema(), await newSchema()]
    write('0001_create_x.sql', 'create table @.x (y int);')
    expect(await run(a)).toBe(1)
    write('0002_add_z.sql', 'alter table @.x add z int;')
    expect(await run(a)).toBe(1)
    expect(await run(a)).toBe(0)
    expect(await run(b)).toBe(2)
    expect(await t.query(`select y, z from ${b}.x`)).toEqual([])
  })

  it('names the one that fails, keeps those before it, and goes on there', async () => {
    const schema = await newSchema()
    write('0001_create_x.sql', 'create table @.x (y int);')
    write('0002_add_z.sql', 'alter table @.x add z int; alter table @.absent add z int;')
    await expect(run(schema)).rejects.toThrow(`migration 0002_add_z of schema ${schema}: relation "${schema}.absent" does not exist`)
    expect(await applied(schema)).toEqual([{ number: 1 }])
    write('0002_add_z.sql', 'alter table @.x add z int;')
    expect(await run(schema)).toBe(1)
  })

  it('refuses text that changed after it was applied', async () => {
    const schema = await newSchema()
    write('0001_create_x.sql', 'create table @.x (y int);')
    await run(schema)
    write('0001_create_x.sql', 'create table @.x (y text);')
    await expect(run(schema)).rejects.toThrow('changed after it was applied')
  })

  it('lets one of several migrators through at a time', async () => {
    const schema = await newSchema()
    write('0001_create_x.sql', 'create table @.x (y int); select pg_sleep(0.1);')
    write('0002_create_w.sql', 'create table @.w (y int);')
    expect((await Promise.all([run(schema), run(schema), run(schema)])).sort()).toEqual([0, 0, 2])
  })

  it('leaves migrations of a later release alone', async () => {
    const schema = await newSchema()
    write('0001_create_x.sql', 'create table @.x (y int);')
    write('0002_create_w.sql', 'create table @.w (y int);')
    await run(schema)
    rmSync(join(folder, '0002_create_w.sql'))
    expect(await run(schema)).toBe(0)
  })

  it('undoes its row with its text: a transaction that ends early counts as failed', async () => {
    const schema = await newSchema()
    write('0001_create_x.sql', 'create table @.x (y int); rollback;')
    await expect(run(schema)).rejects.toThrow('0001_create_x')
    expect(await applied(schema)).toEqual([])
  })
})

describe('readMigrations()', () => {
  it.each([
    ['a gap', ['0001_create_x.sql', '0003_create_y.sql']],
    ['a number twice', ['0001_create_x.sql', '0001_create_y.sql']],
    ['a name that is none', ['0001_create_x.sql', 'create_y.sql']],
    ['one word only', ['0001_create.sql']],
  ])('refuses %s', (_, names) => {
    for (const name of names) write(name, 'select 1')
    expect(() => readMigrations(directory())).toThrow()
  })
})
