import type { Message } from '@bufbuild/protobuf'
import type { Span } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { newId, random16 } from '../ids.js'
import { Caller } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { EventDraft } from '../events/draft.js'
import type { RecordedDecision } from './authorizer.js'
import type { Call, Decision, RowFacts, ServiceName, Subject, Workload } from './call.js'
import type { OwnedDeadline } from './deadline.js'
import type { Arrival, Peer } from './exchange.js'
import type { MeshMethod } from './method.js'

/** What every call of one server shares. */
export interface CallOrigin {
  readonly service: ServiceName
  readonly region: string
  readonly log: Logger
}

const NONE: string[] = []

/**
 * A call as the chain fills it, one per call. A class for speed alone: one shape, methods on the prototype. What links tell each other stands here
 * beside what `Call` promises to handlers.
 */
export class CallState implements Call {
  readonly decisionId: Uint8Array = random16()
  readonly startedAt = performance.now()
  readonly workload: Workload
  traceId = ''
  subject: Subject | undefined
  tenant = ''
  decision: RecordedDecision | undefined
  span!: Span
  clientAddress: string | undefined
  mayWrite = false
  /** Thumbprint of the certificate that the subject's token is bound to. */
  boundTo: string | undefined
  /** The first message, once it was validated. */
  request: Message | undefined
  /** Set by authorize: whether the policy let the call in. */
  authorized = false
  /** Set by audit: called when the call was let in, before its handler. Reserves room for what else must be recorded. */
  onAuthorized: (() => Promise<void> | undefined) | undefined
  /** Set by audit for streams. */
  onProgress: (() => Promise<void>) | undefined
  /** Set by authorize. */
  decideAgain: ((row: RowFacts) => Promise<Decision>) | undefined
  /** The tenant that an anonymous caller proved to belong to. */
  entered: string | undefined
  /** Ids of the events numbered so far, less those that were taken back. */
  readonly eventIds: string[] = []
  /** How many of those that happened a `progress` record has told of. */
  toldEvents = 0
  private readonly surely = new Set<string>()
  details: Record<string, unknown> | undefined
  private ordinals = 0
  private logger: Logger | undefined
  private over = false

  constructor(
    readonly method: MeshMethod,
    private readonly origin: CallOrigin,
    readonly deadline: OwnedDeadline,
    readonly arrival: Arrival,
    readonly peer: Peer,
  ) {
    this.workload = peer.workload
  }

  get service(): ServiceName {
    return this.origin.service
  }

  get region(): string {
    return this.origin.region
  }

  /** Made when first asked for: a child logger costs more than most links. */
  get log(): Logger {
    this.logger ??= this.origin.log.child({ trace_id: this.traceId, method: this.method.name })
    return this.logger
  }

  metadata(key: string): string | undefined {
    return this.arrival.headers[key.toLowerCase()]
  }

  decideWithRow(row: RowFacts): Promise<Decision> {
    if (this.decideAgain === undefined) return Promise.reject(new Error(`${this.method.name} asked for a second decision before the first`))
    return this.decideAgain(row)
  }

  enterTenant(tenantId: string): void {
    if (!this.method.option.callers.includes(Caller.ANONYMOUS)) throw new Error(`${this.method.name} admits no anonymous caller`)
    this.entered = tenantId
    this.tenant = tenantId
  }

  nextEvent(_draft: EventDraft): { id: string; ordinal: number } {
    // Its record may have left already, without this event: better no event than one that no record counts.
    if (this.over) throw new Error(`${this.method.name} made an event after its call was over`)
    const id = newId('evt')
    this.eventIds.push(id)
    return { id, ordinal: ++this.ordinals }
  }

  committed(ids: readonly string[]): void {
    for (const id of ids) this.surely.add(id)
  }

  /** Events that surely happened, in the order of their ordinals. */
  happened(): string[] {
    return this.surely.size === 0 ? NONE : this.eventIds.filter((id) => this.surely.has(id))
  }

  dropEvents(ids: readonly string[]): void {
    for (const id of ids) {
      const at = this.eventIds.lastIndexOf(id)
      if (at >= 0) this.eventIds.splice(at, 1)
    }
  }

  seal(details: Record<string, unknown>): void {
    this.details = { ...this.details, ...details }
  }

  progress(): Promise<void> {
    if (this.onProgress === undefined) return Promise.reject(new Error(`${this.method.name} is no stream`))
    return this.onProgress()
  }

  /** Called when the record is made: from here on nothing counts into it. */
  finish(): void {
    this.over = true
  }
}
