import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { PUBLIC, RESTRICTED } from './classification.js'
import { brokenRule } from './check-value.js'
import type { Definition } from './definition.js'
import { violations as newViolations } from './violations.js'
import type { Violations } from './violations.js'

/** Bytes of one record's fields written as JSON: a page of records stays far below what a message may have. */
export const MAX_RECORD_BYTES = 262_144
const NAME = /^[a-z][a-z0-9_]{0,62}$/

/** A record's fields, fit to be stored. */
export interface CheckedFields {
  readonly fields: JsonObject
  /** `fields` as JSON. */
  readonly json: string
  /** Bytes of `json`. */
  readonly bytes: number
  /** The highest classification of the fields that are set. */
  readonly classification: number
  /** Names, never values: what an event may say. */
  readonly changed: readonly string[]
}

/**
 * All fields of a new record, or of one that is replaced. `null` is a field that is not set. Adds to `found`, under `at`, every name or value
 * that the collection does not allow.
 */
export const checkAll = (definition: Definition, input: JsonObject | undefined, at: string, found: Violations): CheckedFields => {
  for (const name of Object.keys(input ?? {})) {
    if (found.full) break
    if (!definition.byName.has(name)) unknownField(name, at, found)
  }
  const fields: JsonObject = {}
  for (const field of definition.fields) setField(definition, field.name, own(input, field.name), at, fields, found)
  return finish(definition, fields, Object.keys(fields), at, found)
}

/**
 * A record's fields after an update: those that the mask names come from `input` (not there, or null: cleared), the others stay. A path is
 * `fields`, for all of them, or `fields.<name>`.
 */
export const checkUpdate = (
  definition: Definition,
  stored: JsonObject,
  input: JsonObject | undefined,
  mask: readonly string[],
  at: string,
  found: Violations,
): CheckedFields => {
  const maskAt = `${at.slice(0, -'fields'.length)}update_mask`
  if (mask.length === 0) found.add(maskAt, 'must name at least one path')
  if (mask.includes('fields')) {
    if (mask.length > 1) found.add(maskAt, 'must not name further paths beside fields')
    const all = checkAll(definition, input, at, found)
    const names = new Set([...Object.keys(stored), ...Object.keys(all.fields)])
    return { ...all, changed: [...names].filter((name) => !same(stored[name], all.fields[name])) }
  }
  const fields: JsonObject = { ...stored }
  const changed: string[] = []
  for (const path of new Set(mask)) {
    if (found.full) break
    const name = path.startsWith('fields.') ? path.slice('fields.'.length) : undefined
    if (name === undefined) found.add(maskAt, 'paths must be fields or fields.<name>')
    else if (!definition.byName.has(name)) unknownField(name, maskAt === 'update_mask' ? 'fields' : at, found)
    else {
      setField(definition, name, own(input, name), at, fields, found)
      if (!same(stored[name], fields[name])) changed.push(name)
    }
  }
  return finish(definition, fields, changed, at, found)
}

/** `checkAll` of one request: throws INVALID_FIELD with all that is wrong. */
export const checkFields = (definition: Definition, input: JsonObject | undefined): CheckedFields => {
  const found = newViolations()
  const checked = checkAll(definition, input, 'fields', found)
  found.end()
  return checked
}

const own = (input: JsonObject | undefined, name: string): JsonValue | undefined =>
  input !== undefined && Object.hasOwn(input, name) ? input[name] : undefined

const setField = (
  definition: Definition,
  name: string,
  value: JsonValue | undefined,
  at: string,
  into: JsonObject,
  found: Violations,
): void => {
  const field = definition.byName.get(name)!
  if (value === undefined || value === null) {
    delete into[name]
    if (field.required) found.add(`${at}.${name}`, 'is required')
    return
  }
  const broken = brokenRule(field.type, value)
  if (broken !== undefined) return found.add(`${at}.${name}`, broken)
  // jsonb knows one zero.
  into[name] = value === 0 ? 0 : value
}

/** A name that could not be a field's is not repeated to the caller or into logs. */
const unknownField = (name: string, at: string, found: Violations): void =>
  NAME.test(name) ? found.add(`${at}.${name}`, 'is not a field of the collection') : found.add(at, 'has a name that no field can have')

const finish = (definition: Definition, fields: JsonObject, changed: string[], at: string, found: Violations): CheckedFields => {
  const json = JSON.stringify(fields)
  const bytes = Buffer.byteLength(json)
  if (bytes > MAX_RECORD_BYTES) found.add(at, `must be at most ${MAX_RECORD_BYTES} bytes in all`)
  let classification = PUBLIC
  // A stored field that the definition does not know is from a newer one: the caller reads that first, and if it did not, the record closes.
  for (const name of Object.keys(fields))
    classification = Math.max(classification, definition.byName.get(name)?.classification ?? RESTRICTED)
  return { fields, json, bytes, classification, changed }
}

const same = (a: JsonValue | undefined, b: JsonValue | undefined): boolean => a === b || canonical(a) === canonical(b)

/** JSON with the keys of objects sorted: Postgres gives them back in an order of its own. */
const canonical = (value: JsonValue | undefined): string | undefined =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
