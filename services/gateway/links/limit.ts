import type { Link } from '../../platform/mesh/chain.js'
import { AppError } from '../../platform/mesh/errors.js'
import { networkOf } from '../../platform/network-of.js'
import type { RateLimit } from '../rate-limit.js'

export interface EdgeLimits {
  /** Of a tenant's subjects together. */
  readonly tenant: RateLimit
  /** Of one address, with or without a token. */
  readonly address: RateLimit
}

const limited = (what: string, afterMs: number): AppError =>
  new AppError('RATE_LIMITED', `too many calls ${what}`, { metadata: { retry_after_ms: String(afterMs) } })

/** The address first, before a token is even looked at: verifying one costs more than a call. */
export const limitAddress = (limits: EdgeLimits): Link => ({
  name: 'limit-address',
  wrap(_method, _rpc, _ports, next) {
    return (call, exchange) => {
      const wait = limits.address.take(networkOf(exchange.peer.address ?? ''))
      if (wait > 0) throw limited('from this address', wait)
      return next(call, exchange)
    }
  },
})

/** Then the tenant that the verified token names, so that nobody can spend another's share. */
export const limitTenant = (limits: EdgeLimits): Link => ({
  name: 'limit-tenant',
  wrap(_method, _rpc, _ports, next) {
    return (call, exchange) => {
      const wait = call.subject === undefined ? 0 : limits.tenant.take(call.subject.tenant)
      if (wait > 0) throw limited('of this tenant', wait)
      return next(call, exchange)
    }
  },
})
