import type { PolicyService as Contract } from '../../../proto/gen/tenantry/policy/v1/policy_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { answerQuestion } from '../answer-question.js'
import type { PolicyDeps } from '../deps.js'

export const check =
  (deps: PolicyDeps): Rpc<typeof Contract.method.check> =>
  async (request, call) => ({ decision: await answerQuestion(deps, call, request.question!, 'question') })
