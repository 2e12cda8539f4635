import { isIP } from 'node:net'
import { Caller } from '../../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { Subject } from '../call.js'
import type { Link, Run } from '../chain.js'
import { AppError } from '../errors.js'
import type { Exchange, Peer } from '../exchange.js'
import type { ChainPorts } from '../ports.js'
import type { VerifiedToken } from '../tokens.js'

const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i

/**
 * The client's address: from the gateway's metadata, which is believed from the gateway's SPIFFE id alone (another region's, where anyone may knock: it
 * relays logins); of a workload that is no service of ours, the peer's; a service that calls for another call has none to give.
 */
const addressOf = ({ arrival, peer }: Exchange, region: string, anonymous: boolean): string | undefined => {
  if (peer.workload.service === undefined) return peer.address
  if (peer.workload.service !== 'gateway' || !(peer.workload.region === region || anonymous)) return undefined
  const given = arrival.headers['tenantry-client-address']
  if (given === undefined) return undefined
  if (isIP(given) === 0) throw new AppError('INVALID_METADATA', 'tenantry-client-address is not an address')
  return given
}

/** RFC 8705: where the token is bound, whether this peer is the one, or one that may pass others' tokens on. */
const bindingOf = (token: VerifiedToken, peer: Peer, ports: ChainPorts): Subject['binding'] => {
  if (token.thumbprint === undefined) return 'none'
  if (token.thumbprint === peer.workload.thumbprint) return 'matched'
  return ports.mayForward(peer.workload.spiffeId) ? 'forwarded' : 'mismatched'
}

/**
 * Who is calling: the workload from the TLS session, the subject from the access token where there is one. Neither can be named by a message field or by
 * another header. Whether they are enough is the policy's question.
 */
export const authenticate: Link = {
  name: 'authenticate',
  wrap(method, _rpc, ports, next): Run {
    const anonymous = method.option.callers.includes(Caller.ANONYMOUS)
    return async (call, exchange) => {
      const { arrival, peer } = exchange
      if (arrival.problem !== undefined) throw arrival.problem
      call.clientAddress = addressOf(exchange, ports.region, anonymous)
      const header = arrival.headers.authorization
      if (header !== undefined) {
        const raw = BEARER.exec(header)?.[1]
        if (raw === undefined) throw new AppError('TOKEN_INVALID', 'authorization is not a bearer token')
        const verifying = ports.tokens.verify(raw)
        const token = verifying instanceof Promise ? await verifying : verifying
        const { id, kind, tenant, session, region, authTime, expires, mfa } = token
        const binding = bindingOf(token, peer, ports)
        call.boundTo = token.thumbprint
        call.subject = { id, kind, tenant, session, region, authTime, expires, mfa, binding, token: raw }
      }
      return next(call, exchange)
    }
  },
}
