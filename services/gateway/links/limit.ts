import type { Link } from '../../platform/mesh/chain.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { RateLimit } from '../rate-limit.js'

export interface EdgeLimits {
  /** Of a tenant's subjects together. */
  readonly tenant: RateLimit
  /** Of one address, with or without a token. */
  readonly address: RateLimit
}

/**
 * Whose rate an address counts to: an IPv6 network of 64 bits is one customer's (RFC 6177), who may take another address of it for every call; an IPv4
 * address in IPv6 form (a server that listens on both) is that address.
 */
export const rateKey = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [before = '', after] = address.split('%', 1)[0]!.toLowerCase().split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const groups = after === undefined ? head : [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

const limited = (what: string, afterMs: number): AppError =>
  new AppError('RATE_LIMITED', `too many calls ${what}`, { metadata: { retry_after_ms: String(afterMs) } })

/** The address first, before a token is even looked at: verifying one costs more than a call. */
export const limitAddress = (limits: EdgeLimits): Link => ({
  name: 'limit-address',
  wrap(_method, _rpc, _ports, next) {
    return (call, exchange) => {
      const wait = limits.address.take(rateKey(exchange.peer.address ?? ''))
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
