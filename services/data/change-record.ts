import type { JsonObject } from '@bufbuild/protobuf'
import type { Call, Decision } from '../platform/mesh/call.js'
import { checkUpdate } from './check-fields.js'
import type { CheckedFields } from './check-fields.js'
import { classificationName } from './classification.js'
import { staleDefinition } from './collections.js'
import type { Definition } from './definition.js'
import type { RecordRow } from './store/rows.js'
import type { Violations } from './violations.js'

type Stored = Pick<RecordRow, 'owner' | 'classification' | 'clear'>

/** The fields of a stored record after an update. A stored field that the definition does not know yet asks for a newer definition. */
export const updatedFields = (
  definition: Definition,
  stored: Stored,
  input: JsonObject | undefined,
  mask: readonly string[],
  at: string,
  found: Violations,
): CheckedFields => {
  if (Object.keys(stored.clear).some((name) => !definition.byName.has(name))) throw staleDefinition()
  return checkUpdate(definition, stored.clear, input, mask, at, found)
}

/** Decides with the row as it is; and with what it becomes, if that is classified higher. Throws PERMISSION_DENIED. */
export const decideUpdate = async (call: Call, stored: Stored, after: CheckedFields): Promise<Decision> => {
  const decision = await call.decideWithRow({ owner: stored.owner, classification: classificationName(stored.classification) })
  if (after.classification <= stored.classification) return decision
  return call.decideWithRow({ owner: stored.owner, classification: classificationName(after.classification) })
}
