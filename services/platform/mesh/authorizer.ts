import type { Message, MessageInitShape } from '@bufbuild/protobuf'
import type { DecisionFactsSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Call, Decision, RowFacts } from './call.js'
import type { MeshMethod } from './method.js'

/** A decision, with what a replay of it needs (versions, roles held, statuses, attributes): the audit link puts that into the access record. */
export interface RecordedDecision extends Decision {
  readonly facts: MessageInitShape<typeof DecisionFactsSchema>
}

/**
 * Decides whether a call may go on: builds the policy input from the method's option, the request, the call's two identities and the facts (whose
 * lease it ensures), asks the policy, or answers from the decision cache. It answers `allow: false` with a Reason's name for every denial, a missing
 * token and a revoked session too; it throws AppError only for what is no decision (FACTS_STALE, POLICY_UNAVAILABLE). The call's `tenant` is not set yet.
 */
export interface Authorizer {
  decide(method: MeshMethod, request: Message, call: Call): RecordedDecision | Promise<RecordedDecision>
  /** The second decision of a method that declares row facts: never cached. */
  decideWithRow(method: MeshMethod, request: Message, call: Call, row: RowFacts): RecordedDecision | Promise<RecordedDecision>
}
