import type { MessageInitShape } from '@bufbuild/protobuf'
import type { DecisionSchema, Question } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import type { RecordedDecision } from '../platform/mesh/authorizer.js'
import type { Call, Subject } from '../platform/mesh/call.js'
import { invalidField } from '../platform/mesh/errors.js'
import type { MeshMethod } from '../platform/mesh/method.js'
import type { PolicyDeps } from './deps.js'

/**
 * Decides as the method that asks for the action would, for the subject that the question names. `path` is where the question stands in the request.
 * With an owner or a classification it is the decision with the row.
 */
export const answerQuestion = async (
  { authorizer, methodOf, region }: PolicyDeps,
  call: Call,
  question: Question,
  path: string,
): Promise<MessageInitShape<typeof DecisionSchema>> => {
  const method = methodOf(question.action)
  if (!method) throw invalidField(`${path}.action`, 'is not an action that a role can give')
  const subject = subjectOf(call, question, region)
  if (!subject) throw invalidField(`${path}.subject_id`, 'is required for a caller that is no subject')
  const asked = { ...call, ...asCall(call), method: asMethod(method, call.tenant, question), subject }
  const row = {
    ...(question.owner ? { owner: question.owner } : {}),
    ...(question.classification ? { classification: question.classification } : {}),
  }
  const decision: RecordedDecision = await (Object.keys(row).length > 0
    ? authorizer.decideWithRow(asked.method, question, asked, row)
    : authorizer.decide(asked.method, question, asked))
  return {
    allowed: decision.allow,
    reason: decision.reason,
    policyRevision: decision.revision,
    ...(decision.allow && decision.obligations ? { obligations: decision.obligations } : {}),
  }
}

/** Getters of the chain's call that a spread does not copy. */
const asCall = (call: Call): Call =>
  ({
    service: call.service,
    region: call.region,
    decisionId: call.decisionId,
    traceId: call.traceId,
    workload: call.workload,
    deadline: call.deadline,
    span: call.span,
    log: call.log,
    tenant: call.tenant,
    clientAddress: call.clientAddress,
  }) as Call

/** The caller itself, or another subject of the tenant as it would stand with a fresh token of its own. */
const subjectOf = (call: Call, question: Question, region: string): Subject | undefined => {
  const id = question.subjectId || call.subject?.id
  if (id === undefined) return undefined
  if (id === call.subject?.id && call.subject.tenant === call.tenant) return call.subject
  const now = Math.floor(Date.now() / 1000)
  return {
    id,
    kind: id.startsWith('sva_') ? 'service_account' : 'user',
    tenant: call.tenant,
    session: '',
    region,
    authTime: now,
    expires: now + 60,
    mfa: false,
    binding: 'none',
    // No token: what stands here keeps one subject's cached facts from another's.
    token: `question:${call.tenant}:${id}`,
  }
}

/** The real method with what the question says in the place of a request. */
const asMethod = (method: MeshMethod, tenantId: string, question: Question): MeshMethod => ({
  ...method,
  tenantOf: () => (method.option.tenant === '' ? undefined : tenantId),
  resourceOf: () => question.resourceId,
  attributesOf: () =>
    Object.fromEntries(method.option.attributes.map((path) => [path, path === 'collection_id' ? question.collectionId : ''])),
})
