import { fromJson } from '@bufbuild/protobuf'
import type { JsonValue } from '@bufbuild/protobuf'
import { ObligationsSchema } from '../../../proto/gen/tenantry/authz/v1/input_pb.js'
import { CODES } from '../mesh/errors.js'
import type { PolicyAnswer } from './decision-point.js'

/** The answer of every failure of the policy itself. */
export const POLICY_ERROR: PolicyAnswer = Object.freeze({ allow: false, reason: 'POLICY_ERROR', obligations: undefined })

const deny = (reason: string): PolicyAnswer => Object.freeze({ allow: false, reason, obligations: undefined })

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A property of the object itself: one that a polluted prototype lends is none. */
const own = (object: Record<string, unknown>, name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined)

/**
 * Reads the result set of the entry rule. Only `allow === true`, of the object itself and without a reason, allows; an obligation that we don't know is
 * one that we can't keep, so it denies; a second factor that is asked for is not there yet. Throws when it has another shape.
 */
export const readAnswer = (text: string): PolicyAnswer => {
  const set: unknown = JSON.parse(text)
  if (!Array.isArray(set) || set.length !== 1 || !isObject(set[0])) throw new Error('the policy gave no answer')
  const result = own(set[0], 'result')
  if (!isObject(result)) throw new Error('the answer of the policy is no object')
  const [allow, reason, obligations] = [own(result, 'allow'), own(result, 'reason'), own(result, 'obligations')]
  if (typeof allow !== 'boolean' || typeof reason !== 'string' || !isObject(obligations))
    throw new Error('the answer of the policy has another shape')
  if (allow !== true) {
    if (!Object.hasOwn(CODES, reason)) throw new Error(`the policy denied for an unknown reason`)
    return deny(reason)
  }
  if (reason !== '') throw new Error('the policy allowed and gave a reason against it')
  if (Object.keys(obligations).length === 0) return Object.freeze({ allow: true, reason: '', obligations: undefined })
  const read = fromJson(ObligationsSchema, obligations as JsonValue)
  if (read.require !== '') return deny('STEP_UP_REQUIRED')
  return Object.freeze({ allow: true, reason: '', obligations: read })
}
