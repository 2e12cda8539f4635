import type { Answer, Input } from '../../../proto/gen/tenantry/authz/v1/input_pb.js'

/** The input of a decision: tenantry.authz.v1.Input in its JSON form with proto field names (snake case). */
export type PolicyInput = Record<string, unknown>

/**
 * The policy, in process. Synchronous; it never throws: a trap, a timeout, a missing bundle, a result of another shape are `allow: false` with reason
 * POLICY_ERROR. Only `allow === true` allows.
 */
export interface DecisionPoint {
  /** Takes the input, or its JSON where that was made already. */
  decide(input: PolicyInput | string): PolicyAnswer
  /** Of the bundle in force. */
  readonly revision: bigint
  readonly ready: boolean
  close(): void
}

export interface PolicyAnswer {
  readonly allow: boolean
  readonly reason: string
  readonly obligations: Answer['obligations']
}

export type { Input }
