import type { DescMethod } from '@bufbuild/protobuf'
import type { Span } from '@opentelemetry/api'
import type { Logger } from 'pino'
import type { Obligations } from '../../../proto/gen/tenantry/authz/v1/input_pb.js'
import type { MethodAuthorization } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { EventDraft } from '../events/draft.js'

export type ServiceName = 'identity' | 'tenant' | 'data' | 'policy' | 'audit' | 'gateway'

/** The peer of a connection: its X.509-SVID, checked once per TLS session. */
export interface Workload {
  readonly spiffeId: string
  /** The service, where the path is `/region/<r>/svc/<service>`. */
  readonly service?: string
  /** The tenant, where the path is `/region/<r>/tenant/<id>/sa/<id>`. */
  readonly tenant?: string
  readonly region: string
  /** SHA-256 of the DER certificate, base64url: what a bound token's `cnf.x5t#S256` names (RFC 8705). */
  readonly thumbprint: string
}

/** Whom a verified access token speaks for. */
export interface Subject {
  readonly id: string
  readonly kind: 'user' | 'service_account'
  readonly tenant: string
  readonly session: string
  readonly region: string
  /** Unix seconds. */
  readonly authTime: number
  readonly expires: number
  readonly mfa: boolean
  /** `none`, `matched`, `forwarded` or `mismatched`: what the policy sees of the token's binding. */
  readonly binding: 'none' | 'matched' | 'forwarded' | 'mismatched'
  /** The raw token, to pass on to the next service of the same call. */
  readonly token: string
}

/** A method as the mesh knows it: descriptor, option, and the paths of the option resolved once at start. */
export interface MethodInfo {
  readonly desc: DescMethod
  /** As in `tenantry.data.v1.RecordService/CreateRecord`. */
  readonly name: string
  /** As in `/tenantry.data.v1.RecordService/CreateRecord`. */
  readonly path: string
  readonly option: MethodAuthorization
  readonly sideEffects: 'none' | 'idempotent' | 'some'
}

export interface Deadline {
  /** `performance.now()` at which the call's time is over. */
  readonly at: number
  /** Milliseconds left, never below 0. */
  remaining(): number
  /** Aborts at the deadline, and when the caller cancels. */
  readonly signal: AbortSignal
}

/** What the policy answered, and with what. */
export interface Decision {
  readonly allow: boolean
  /** Name of a Reason without its prefix; empty when allowed. */
  readonly reason: string
  readonly obligations: Obligations | undefined
  readonly revision: bigint
  readonly cached: boolean
}

/** Facts of a stored row, for the second decision of a method that declares them. */
export interface RowFacts {
  owner?: string
  /** `public`, `internal`, `confidential` or `restricted`. */
  classification?: string
}

/**
 * What the chain established of one call. It is passed, never ambient: whatever touches tenant data has it in its signature.
 * Its links fill it from the outside in; a handler finds everything there.
 */
export interface Call {
  readonly service: ServiceName
  readonly method: MethodInfo
  /** 16 random bytes, given to every call, also to one that never reaches a decision. */
  readonly decisionId: Uint8Array
  readonly region: string
  readonly traceId: string
  readonly workload: Workload
  readonly subject: Subject | undefined
  /** The tenant that the request names, once authorized (platform-scoped methods: the platform tenant). Database contexts and logs go by it. */
  readonly tenant: string
  readonly decision: Decision | undefined
  readonly deadline: Deadline
  readonly span: Span
  readonly log: Logger
  /** The client's address, when it is known: from the peer, or from the gateway's metadata. */
  readonly clientAddress: string | undefined
  /** First value of a metadata key, if any. */
  metadata(key: string): string | undefined
  /**
   * Decides again with facts of the stored row; throws PERMISSION_DENIED when the answer is no. A method that declares row facts must call it:
   * the database refuses its writes until it did.
   */
  decideWithRow(row: RowFacts): Promise<Decision>
  /** Whether writes are allowed: true at once for a method without row facts, else once `decideWithRow` said yes. */
  readonly mayWrite: boolean
  /**
   * Enters the tenant whose slug an anonymous caller named. Only for methods whose option admits ANONYMOUS; the access record goes into that
   * tenant's log from here on.
   */
  enterTenant(tenantId: string): void
  /** Numbers an event of this call: its id and its ordinal from 1. Ids count into the access record. */
  nextEvent(draft: EventDraft): { id: string; ordinal: number }
  /** Takes back events that were numbered but not committed (a rollback, a replay of a request_id): the record counts only what happened. */
  dropEvents?(ids: readonly string[]): void
  /** Told by the database layer once a transaction that emits these events has surely committed: the access record counts those, and no others. */
  committed?(ids: readonly string[]): void
  /** Personal details for the sealed part of the access record (addresses are added by the chain itself). */
  seal(details: Record<string, unknown>): void
  /** For client streams that commit in batches: writes a `progress` record, reserved before and flushed before it resolves. */
  progress(): Promise<void>
}
