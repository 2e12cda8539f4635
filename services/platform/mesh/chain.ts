import type { Exchange } from './exchange.js'
import { audit } from './links/audit.js'
import { authenticate } from './links/authenticate.js'
import { authorize } from './links/authorize.js'
import { errorBoundary } from './links/error-boundary.js'
import { handler } from './links/handler.js'
import { telemetry } from './links/telemetry.js'
import { validate } from './links/validate.js'
import type { MeshMethod } from './method.js'
import type { ChainPorts } from './ports.js'
import type { Route } from './rpc.js'
import type { CallState } from './state.js'
import type { Answer } from './status.js'

/** The rest of the chain, seen from one link: takes a call to its answer. */
export type Run = (call: CallState, exchange: Exchange) => Promise<Answer>

/** One link: wraps what is inside of it, once per method at start. */
export interface Link {
  readonly name: string
  wrap(method: MeshMethod, rpc: Route['rpc'], ports: ChainPorts, next: Run): Run
}

/**
 * What happens around every RPC, outermost first. Audit stands outside of all that can refuse, so that a denied, malformed or failed call is recorded too;
 * validate looks only at the message, and what depends on stored things comes after authorize.
 */
export const CHAIN: readonly Link[] = [telemetry, audit, errorBoundary, authenticate, validate, authorize, handler]

/** One method's chain, composed. */
export const compose = (method: MeshMethod, rpc: Route['rpc'], ports: ChainPorts, links: readonly Link[] = CHAIN): Run =>
  links.reduceRight<Run>(
    (next, link) => link.wrap(method, rpc, ports, next),
    () => Promise.reject(new Error('the chain ended without a handler')),
  )
