import type { Message } from '@bufbuild/protobuf'
import { PLATFORM_TENANT } from '../../ids.js'
import type { RecordedDecision } from '../authorizer.js'
import type { Link, Run } from '../chain.js'
import type { ReasonName } from '../errors.js'
import { AppError, CODES, invalidField } from '../errors.js'
import type { Exchange } from '../exchange.js'
import type { MeshMethod } from '../method.js'
import type { ChainPorts } from '../ports.js'
import type { CallState } from '../state.js'

/** The refusal of a decision. Only `allow === true` allows; a reason that is none of ours is an error of the policy. */
const denial = ({ reason }: RecordedDecision): AppError => {
  const known: ReasonName = Object.hasOwn(CODES, reason) ? (reason as ReasonName) : 'POLICY_ERROR'
  return new AppError(known, known === 'TOKEN_MISSING' ? 'the call carries no token' : 'the policy does not allow this call')
}

const enforce = (decision: RecordedDecision, call: CallState): void => {
  call.decision = decision
  if (decision.allow !== true) throw denial(decision)
  if (decision.obligations?.require === 'mfa' && call.subject?.mfa !== true) {
    throw new AppError('STEP_UP_REQUIRED', 'the call needs a second factor')
  }
}

/** Later messages of a client stream may leave the option's paths empty, or repeat them. */
const samePaths = (method: MeshMethod, first: Message, later: Message): void => {
  const { tenant, resource, attributes } = method.option
  const expect = (path: string, before: string, now: string) => {
    if (path !== '' && now !== '' && now !== before) {
      throw new AppError('PATH_CHANGED_IN_STREAM', `${path} may not change within a stream`, {
        violations: [{ field: path, description: 'must stay as in the first message' }],
      })
    }
  }
  expect(tenant, method.tenantOf(first) ?? '', method.tenantOf(later) ?? '')
  expect(resource, method.resourceOf(first), method.resourceOf(later))
  if (attributes.length > 0) {
    const [before, now] = [method.attributesOf(first), method.attributesOf(later)]
    for (const path of attributes) expect(path, before[path] ?? '', now[path] ?? '')
  }
}

/** A running stream is held to its first message, to the life of its token, and to a decision that is never older than `streamDecisionMs`. */
const guarded = (method: MeshMethod, ports: ChainPorts, call: CallState, exchange: Exchange, request: Message): Exchange => {
  let decidedAt = performance.now()
  const again = async () => {
    const { subject } = call
    if (subject !== undefined && Date.now() / 1_000 >= subject.expires) {
      throw new AppError('TOKEN_EXPIRED', 'the token expired while the stream ran')
    }
    if (performance.now() - decidedAt < ports.streamDecisionMs) return
    decidedAt = performance.now()
    enforce(await ports.authorizer.decide(method, request, call), call)
  }
  return {
    arrival: exchange.arrival,
    peer: exchange.peer,
    first: () => exchange.first(),
    async next() {
      const incoming = await exchange.next()
      await again()
      if (incoming !== undefined) samePaths(method, request, incoming.message!)
      return incoming
    },
    async send(body) {
      await again()
      return exchange.send(body)
    },
  }
}

/** Asks the policy, with the request as its descriptor says and the two identities, and lets the call in only if it answers `true`. */
export const authorize: Link = {
  name: 'authorize',
  wrap(method, _rpc, ports, next): Run {
    const streaming = method.desc.methodKind !== 'unary'
    const mayWrite = method.option.rowFacts.length === 0
    return async (call, exchange) => {
      const request = call.request
      if (request === undefined) throw new Error('authorize stands before validate')
      const tenant = method.tenantOf(request)
      if (tenant === '') throw invalidField(method.option.tenant, 'must be set')
      const deciding = ports.authorizer.decide(method, request, call)
      enforce(deciding instanceof Promise ? await deciding : deciding, call)
      call.tenant = tenant ?? PLATFORM_TENANT
      call.authorized = true
      call.mayWrite = mayWrite
      call.decideAgain = async (row) => {
        call.mayWrite = false
        const decision = await ports.authorizer.decideWithRow(method, request, call, row)
        enforce(decision, call)
        call.mayWrite = true
        return decision
      }
      const opening = call.onAuthorized?.()
      if (opening !== undefined) await opening
      return next(call, streaming ? guarded(method, ports, call, exchange, request) : exchange)
    }
  },
}
