import type { RawClient, Trailers } from '../../platform/mesh/client.js'
import { traceparentOf } from '../../platform/mesh/client.js'
import type { Link } from '../../platform/mesh/chain.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Exchange } from '../../platform/mesh/exchange.js'
import type { MeshMethod } from '../../platform/mesh/method.js'
import type { Answer } from '../../platform/mesh/status.js'
import { answerOk } from '../../platform/mesh/status.js'
import type { EdgeCall } from '../edge-call.js'

/** The client of the service that serves a method, by its package: `tenantry.data.v1` is data's. */
export type Upstreams = (method: MeshMethod) => RawClient

/** What the caller sends, as it came. */
async function* messages(exchange: Exchange): AsyncGenerator<Buffer> {
  yield (await exchange.first()).bytes
  for (let incoming = await exchange.next(); incoming !== undefined; incoming = await exchange.next()) yield incoming.bytes
}

/**
 * Passes the call on by its descriptor: bytes in, bytes out, with the gateway's own certificate, the caller's token and the time that is left. The service
 * decides and records; its answer, with its details, is the edge's.
 */
export const forward = (upstreams: Upstreams): Link => ({
  name: 'forward',
  wrap(method, _rpc, _ports, _next) {
    const { path, desc } = method
    const pass = async (call: EdgeCall, exchange: Exchange, onTrailers: (trailers: Trailers) => void): Promise<Answer> => {
      const upstream = upstreams(method)
      const traceparent = traceparentOf(call)
      const options = {
        deadline: call.deadline,
        onTrailers,
        ...(call.subject === undefined ? {} : { token: call.subject.token }),
        ...(traceparent === undefined ? {} : { traceparent }),
        ...(call.clientAddress === undefined ? {} : { clientAddress: call.clientAddress }),
      }
      switch (desc.methodKind) {
        case 'unary':
          return answerOk(await upstream.unary(path, (await exchange.first()).bytes, options))
        case 'client_streaming':
          return answerOk(await upstream.clientStream(path, messages(exchange), options))
        case 'server_streaming':
          for await (const body of upstream.serverStream(path, (await exchange.first()).bytes, options)) await exchange.send(body)
          return answerOk(undefined)
        case 'bidi_streaming':
          for await (const body of upstream.duplex(path, messages(exchange), options)) await exchange.send(body)
          return answerOk(undefined)
      }
    }
    return async (state, exchange) => {
      const call = state as EdgeCall
      let details: Uint8Array | undefined
      try {
        return await pass(call, exchange, (trailers) => {
          call.forwarded = trailers.decisionId
          details = trailers.details
        })
      } catch (error) {
        // Without a decision id it is no answer of a service: the edge's own failure, which the edge records.
        if (!(error instanceof AppError) || call.forwarded === undefined) throw error
        return { code: error.code, message: error.message, reason: error.reason, details: details && Buffer.from(details), body: undefined }
      }
    }
  },
})
