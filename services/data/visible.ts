import type { JsonObject } from '@bufbuild/protobuf'
import type { Obligations } from '../../proto/gen/tenantry/authz/v1/input_pb.js'
import type { Call } from '../platform/mesh/call.js'
import { RESTRICTED, classificationLimit } from './classification.js'

/** What a decision lets its caller see of records: which rows (as SQL) and which fields. */
export interface Visible {
  /** Rows of this owner only; empty for any. */
  readonly owner: string
  /** Rows up to this classification. */
  readonly classification: number
  readonly masked: ReadonlySet<string>
}

export const visibleOf = (obligations: Obligations | undefined): Visible => ({
  owner: obligations?.rowFilter?.owner ?? '',
  classification: obligations === undefined ? RESTRICTED : classificationLimit(obligations.maxClassification),
  masked: new Set(obligations?.maskFields),
})

/** What the entry decision of a list lets be seen. */
export const visibleTo = (call: Call): Visible => visibleOf(call.decision?.obligations)

/** The fields without those that the decision masks. */
export const unmasked = (fields: JsonObject, masked: ReadonlySet<string>): JsonObject =>
  masked.size === 0 ? fields : Object.fromEntries(Object.entries(fields).filter(([name]) => !masked.has(name)))
