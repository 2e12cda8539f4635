import { Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { buildRecord, logTenant, outcomeOf } from '../../platform/mesh/audit/record.js'
import type { Link } from '../../platform/mesh/chain.js'
import { asAppError } from '../../platform/mesh/links/error-boundary.js'
import type { Answer } from '../../platform/mesh/status.js'
import { answerError } from '../../platform/mesh/status.js'
import type { EdgeCall } from '../edge-call.js'

/**
 * The audit link of the edge: the service that decides a call records it, so the gateway records only what it refused itself. Room is reserved before
 * anything inside runs all the same; refusals of callers that no token speaks for are aggregated.
 */
export const recordRefusals: Link = {
  name: 'audit',
  wrap(method, _rpc, ports, next) {
    const { journal, service } = ports
    return async (state, exchange) => {
      const call = state as EdgeCall
      let room
      try {
        room = journal.reserve(service)
      } catch (error) {
        return answerError(asAppError(error, call), call.decisionId)
      }
      let answer: Answer
      try {
        answer = await next(call, exchange)
        if (call.forwarded !== undefined) return answer
        const record = () =>
          buildRecord(call, ports, { kind: RecordKind.CALL, tenantId: logTenant(call), answer, counts: { in: 0, out: 0 }, events: [] })
        const anonymous = call.subject === undefined && outcomeOf(answer) !== Outcome.OK
        const key = [method.name, answer.reason, call.clientAddress].join('|')
        if (anonymous && ports.refusals.absorb(key, record)) return answer
        const used = room
        room = undefined
        await journal.append(service, used, record())
        return answer
      } catch (error) {
        return answerError(asAppError(error, call), call.decisionId)
      } finally {
        call.finish()
        if (room !== undefined) journal.release(room)
      }
    }
  },
}
