import type { Field } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { AppError } from '../platform/mesh/errors.js'
import type { FieldViolation } from '../platform/mesh/errors.js'
import type { FieldDefinition } from './definition.js'
import { toFieldDefinition } from './map.js'
import { violations } from './violations.js'

/** The fields of a new collection: each name once. */
export const newFields = (fields: readonly Field[]): FieldDefinition[] => {
  const found = violations()
  const seen = new Set<string>()
  for (const [i, field] of fields.entries()) {
    if (seen.has(field.name)) found.add(`fields[${i}].name`, 'must be there once')
    seen.add(field.name)
  }
  found.end()
  return fields.map(toFieldDefinition)
}

/**
 * The fields of a collection after a change. What records were accepted for must stay: a field keeps its type and classification, is never
 * removed and never becomes required (IMMUTABLE); one that is added later is optional (INVALID_FIELD), because older records have it not.
 */
export const changedFields = (stored: readonly FieldDefinition[], input: readonly Field[]): FieldDefinition[] => {
  const fields = newFields(input)
  const before = new Map(stored.map((field) => [field.name, field]))
  const found = violations()
  const immutable: FieldViolation[] = []
  for (const [i, field] of fields.entries()) {
    const old = before.get(field.name)
    before.delete(field.name)
    const at = `fields[${i}]`
    if (old === undefined) {
      if (field.required) found.add(`${at}.required`, 'must be false for a field that is added')
      continue
    }
    if (old.type !== field.type) immutable.push({ field: `${at}.type`, description: 'must stay' })
    if (old.classification !== field.classification) immutable.push({ field: `${at}.classification`, description: 'must stay' })
    if (!old.required && field.required) immutable.push({ field: `${at}.required`, description: 'must not become true' })
  }
  found.end()
  for (const name of before.keys()) immutable.push({ field: 'fields', description: `must have the field ${name}` })
  const first = immutable[0]
  if (first !== undefined) throw new AppError('IMMUTABLE', `${first.field}: ${first.description}`, { violations: immutable.slice(0, 20) })
  return fields
}

/** Names of the fields that differ. */
export const changedNames = (before: readonly FieldDefinition[], after: readonly FieldDefinition[]): string[] => {
  const old = new Map(before.map((field) => [field.name, field]))
  return after.filter((field) => old.get(field.name)?.required !== field.required).map((field) => `fields.${field.name}`)
}
