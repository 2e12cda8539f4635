import type { PolicyService as Contract } from '../../../proto/gen/tenantry/policy/v1/policy_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { answerQuestion } from '../answer-question.js'
import type { PolicyDeps } from '../deps.js'

export const batchCheck =
  (deps: PolicyDeps): Rpc<typeof Contract.method.batchCheck> =>
  async (request, call) => {
    const decisions = []
    for (const [index, question] of request.questions.entries()) {
      decisions.push(await answerQuestion(deps, call, question, `questions[${index}]`))
    }
    return { decisions }
  }
