import type { Link, Run } from '../chain.js'
import type { Exchange } from '../exchange.js'

/**
 * Decodes and checks each message, by its descriptor alone. Bytes that are no message, and fields that break a rule, are the caller's fault and are
 * recorded as such: decoding happens here rather than in the transport, which would call it INTERNAL.
 */
export const validate: Link = {
  name: 'validate',
  wrap(method, _rpc, ports, next): Run {
    const check = ports.checks(method.desc.input)
    const streaming = method.desc.methodKind === 'client_streaming' || method.desc.methodKind === 'bidi_streaming'
    return async (call, exchange) => {
      const first = await exchange.first()
      first.message = check(first.bytes)
      call.request = first.message
      return next(call, streaming ? checked(exchange) : exchange)
    }
    function checked(exchange: Exchange): Exchange {
      return {
        arrival: exchange.arrival,
        peer: exchange.peer,
        first: () => exchange.first(),
        send: (body) => exchange.send(body),
        async next() {
          const incoming = await exchange.next()
          if (incoming !== undefined) incoming.message = check(incoming.bytes)
          return incoming
        },
      }
    }
  },
}
