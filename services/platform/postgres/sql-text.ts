import { inSchema } from './identifiers.js'
import type { ExpectedRows, Statement } from './statement.js'

/** How many rows a statement must return: what it states, else any for a `select`. A change that states nothing is a mistake of its author. */
export const expectedRows = (statement: Statement<unknown>): ExpectedRows => {
  if (statement.rows !== undefined) return statement.rows
  if (isSelect(statement.text)) return 'any'
  throw new Error(`statement ${statement.name} must say how many rows it changes`)
}

const isSelect = (text: string): boolean => /^\s*select\b/i.test(text)

/** Whether it changes anything, as far as the database layer goes by: what it says itself, else anything but a `select`. */
export const writes = (statement: Statement<unknown>): boolean =>
  statement.writes ?? (!isSelect(statement.text) || (statement.also?.length ?? 0) > 0)

/** Row locks need a transaction that may write. */
export const locks = (text: string): boolean => /\bfor\s+(?:no\s+key\s+)?(?:update|share)\b|\bfor\s+key\s+share\b/i.test(text)

/**
 * The text as it is sent. Row counts and further inserts hang on the change as `changed`:
 * `with changed as (<text>), <also> select changed.* from changed where (select platform.expect_rows(count(*), ..) from changed)`.
 * The condition has no column in it, so it runs before the first row is asked for, and raises for none as well. Parts of a `with` at the beginning of
 * the text move up, because Postgres wants changes at the top level.
 */
export const sentText = (statement: Statement<unknown>, schema: string): string => {
  const rows = expectedRows(statement)
  const also = statement.also ?? []
  if (rows === 'any' && also.length === 0) return inSchema(statement.text, schema)
  const { parts, main } = splitWith(statement.text)
  const { min, max } =
    typeof rows === 'number' ? { min: rows, max: rows } : rows === 'any' ? { min: 0, max: Number.MAX_SAFE_INTEGER } : rows
  const check = rows === 'any' ? '' : ` where (select platform.expect_rows(count(*), ${min}, ${max}) from changed)`
  const list = [...parts, `changed as (${main})`, ...also].join(',\n')
  return inSchema(`with ${list}\nselect changed.* from changed${check}`, schema)
}

/** Splits `with a as (..), b as (..) main` into its parts and the main statement. Text without `with` is all main. */
export const splitWith = (text: string): { parts: string[]; main: string } => {
  const start = /^\s*with\s+(?!recursive\b)/i.exec(text)
  if (start === null) return { parts: [], main: text }
  const parts: string[] = []
  let from = start[0].length
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const quote = text[i]
    if (quote === "'" || quote === '"') i = text.indexOf(quote, i + 1)
    else if (quote === '(') depth++
    else if (quote === ')' && --depth === 0 && closesPart(text.slice(from, i + 1))) {
      parts.push(text.slice(from, i + 1))
      const rest = text.slice(i + 1)
      const comma = /^\s*,\s*/.exec(rest)
      if (comma === null) return { parts, main: rest.trim() }
      from = i + 1 + comma[0].length
      i = from - 1
    }
    if (i < 0) break
  }
  throw new Error('a statement begins with a WITH that does not end')
}

/** A column list `name (a, b)` closes a parenthesis too, before `as`. */
const closesPart = (part: string): boolean => /^[\w"]+\s*(?:\([^)]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\(/i.test(part)
