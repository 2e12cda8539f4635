import type { DescMessage } from '@bufbuild/protobuf'
import type { Tracer } from '@opentelemetry/api'
import type { Facts } from '../facts/facts.js'
import type { Journal } from '../journal/journal.js'
import type { PublicKey } from '../keys/key-store.js'
import type { Sealer } from '../keys/sealer.js'
import type { Authorizer } from './authorizer.js'
import type { ReasonName } from './errors.js'
import type { Refusals } from './audit/refusals.js'
import type { CallOrigin } from './state.js'
import type { TokenVerifier } from './tokens.js'
import type { Check } from './validation.js'

/** What the telemetry link reports of one method; RUNTIME's metrics implement it. */
export interface MethodMetrics {
  started(): void
  /** `code` is a name as in `PERMISSION_DENIED`; seconds since the call's headers arrived; the trace id is for exemplars (sampled calls only). */
  finished(code: string, reason: ReasonName | undefined, seconds: number, exemplar: string | undefined): void
}

export interface ChainMetrics {
  /** Called for every method at start, so that its series exist from the start. `_OTHER` stands for methods that do not exist. */
  method(name: string): MethodMetrics
}

/** What the chain needs of the platform: one object per server. */
export interface ChainPorts extends CallOrigin {
  readonly tracer: Tracer
  readonly metrics: ChainMetrics
  readonly journal: Journal
  readonly sealer: Sealer
  /** Public keys of tenants and subjects are all that audit reads of them. */
  readonly facts: Pick<Facts, 'tenant' | 'subject'>
  /** The platform's own public key, while the facts don't have it yet. */
  readonly platformKey?: () => PublicKey | undefined
  readonly authorizer: Authorizer
  readonly tokens: TokenVerifier
  /** Whether policy lets this SPIFFE id pass other callers' bound tokens on. */
  mayForward(spiffeId: string): boolean
  /** Methods that are counted, not recorded, by name. */
  readonly unrecorded: ReadonlySet<string>
  readonly refusals: Refusals
  /** Checks of message types: see createChecks. */
  readonly checks: (desc: DescMessage) => Check
  /** How long a handler may go on after its deadline, before the call is answered without it. */
  readonly graceMs: number
  /** Largest message that is sent. */
  readonly maxMessageBytes: number
  /** How old the decision of a running stream may become before it is made again. */
  readonly streamDecisionMs: number
}
