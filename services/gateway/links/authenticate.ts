import { Caller } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { Link } from '../../platform/mesh/chain.js'
import { AppError } from '../../platform/mesh/errors.js'

const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i

/**
 * Who is calling from outside: the token, or nobody. A token that is bound to a certificate is refused here, where no certificate is seen (RFC 8705). The
 * service checks the token again.
 */
export const authenticateEdge: Link = {
  name: 'authenticate',
  wrap(method, _rpc, ports, next) {
    const anonymous = method.option.callers.includes(Caller.ANONYMOUS)
    return async (call, exchange) => {
      const { arrival, peer } = exchange
      call.clientAddress = peer.address
      if (arrival.problem !== undefined) throw arrival.problem
      const header = arrival.headers['authorization']
      if (header === undefined) {
        if (!anonymous) throw new AppError('TOKEN_MISSING', 'authorization: a bearer token is required')
        return next(call, exchange)
      }
      const raw = BEARER.exec(header)?.[1]
      if (raw === undefined) throw new AppError('TOKEN_INVALID', 'authorization: is not a bearer token')
      const verifying = ports.tokens.verify(raw)
      const token = verifying instanceof Promise ? await verifying : verifying
      const { id, kind, tenant, session, region, authTime, expires, mfa } = token
      call.subject = { id, kind, tenant, session, region, authTime, expires, mfa, binding: 'none', token: raw }
      if (token.thumbprint !== undefined)
        throw new AppError('BOUND_TOKEN_AT_EDGE', 'a token bound to a certificate is only good inside the mesh')
      return next(call, exchange)
    }
  },
}
