import { isId } from '../ids.js'

const PLAIN = /^[a-z][a-z0-9_]{0,62}$/

/**
 * An identifier for use in SQL text, quoted. Only lower-case ASCII letters, digits and `_`, at most 63 bytes, so that no two spellings meet in one name:
 * anything else throws. Names that people choose never become identifiers.
 */
export const identifier = (name: string): string => {
  if (!PLAIN.test(name)) throw new Error('not a plain identifier')
  return `"${name}"`
}

/** The schema of a tenant with `schema` placement: its id, 30 bytes. Throws for anything that is not a tenant's id. */
export const tenantSchema = (tenantId: string): string => {
  if (!isId('ten', tenantId)) throw new Error('not a tenant id')
  return tenantId
}

/** Text with `@.` replaced by the schema. (A jsonpath that needs `@.` writes it `@ .`.) */
export const inSchema = (text: string, schema: string): string => text.replaceAll('@.', `${identifier(schema)}.`)
