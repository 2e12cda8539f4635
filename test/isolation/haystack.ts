import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Platform } from '../platform.js'

/** Bytes that were written somewhere, by where. */
export type Haystack = Map<string, Buffer>

/** The text as it may stand in bytes: plain, in hex, and in base64 at each of its three places within a group. */
const forms = (needle: string): Buffer[] => {
  const bytes = Buffer.from(needle)
  const inBase64 = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    // What the bytes before and after it decide as well is left out.
    const middle = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6))
    return [middle, middle.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [bytes, Buffer.from(bytes.toString('hex')), ...inBase64.map((text) => Buffer.from(text))]
}

/** Where a text stands, in any form. */
export const whereIs = (haystack: Haystack, needle: string): string[] => {
  const wanted = forms(needle)
  return [...haystack].filter(([, bytes]) => wanted.some((form) => bytes.includes(form))).map(([where]) => where)
}

const cell = (value: unknown): Buffer =>
  Buffer.isBuffer(value)
    ? value
    : Buffer.from(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '')

/** Every row of every table of a database, bytes as they are. */
export const tablesOf = async (platform: Platform, database: string): Promise<Haystack> => {
  const tables = await platform.query<{ name: string }>(
    database,
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  )
  const found: Haystack = new Map()
  for (const { name } of tables) {
    const rows = await platform.query(database, `select * from ${name}`)
    found.set(
      `${database} ${name}`,
      Buffer.concat(rows.flatMap((row) => Object.values(row).flatMap((value) => [cell(value), Buffer.from('\n')]))),
    )
  }
  return found
}

/** Every file below a directory of the installation. */
export const filesOf = (platform: Platform, directory: string): Haystack => {
  const base = join(platform.stateDir, directory)
  const names = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(base, name)).isFile())
  return new Map(names.map((name) => [`${directory}/${name}`, readFileSync(join(base, name))]))
}
