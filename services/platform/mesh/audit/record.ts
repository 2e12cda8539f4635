import { createHash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import { Caller } from '../../../../proto/gen/tenantry/authz/v1/method_pb.js'
import { Reason } from '../../../../proto/gen/tenantry/errors/v1/reason_pb.js'
import type { AccessRecord, DecisionFacts, SealedPart } from '../../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { DecisionFactsSchema, Outcome, RecordKind } from '../../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { PLATFORM_TENANT } from '../../ids.js'
import type { PublicKey } from '../../keys/key-store.js'
import type { RecordedDecision } from '../authorizer.js'
import { traceparentOf } from '../client/options.js'
import { UNKNOWN_METHOD } from '../method.js'
import type { ChainPorts } from '../ports.js'
import type { CallState } from '../state.js'
import type { Answer } from '../status.js'

const NOTHING = new Uint8Array()

/** Messages in and out so far. */
export interface Counts {
  in: number
  out: number
}

/** Into whose log: a verified subject's own tenant, whatever the request named; the tenant that an anonymous caller entered; else the platform's. */
export const logTenant = (call: CallState): string => call.subject?.tenant ?? call.entered ?? PLATFORM_TENANT

/**
 * The tenant acted on by a platform subject or a workload, once the call was let in: it gets a copy in its own log. What an anonymous caller named is
 * not verified, and gets none.
 */
export const copyTenant = (call: CallState): string | undefined => {
  if (!call.authorized || call.tenant === PLATFORM_TENANT || logTenant(call) !== PLATFORM_TENANT) return undefined
  if (call.subject === undefined && call.method.option.callers.includes(Caller.ANONYMOUS)) return undefined
  return call.tenant
}

export const outcomeOf = ({ code }: Answer): Outcome => {
  if (code === Code.OK) return Outcome.OK
  return code === Code.PERMISSION_DENIED || code === Code.UNAUTHENTICATED ? Outcome.DENIED : Outcome.FAILED
}

const actorKind = (call: CallState): string => {
  if (call.subject !== undefined) return call.subject.kind
  return call.method.option.callers.includes(Caller.WORKLOAD) ? 'workload' : 'anonymous'
}

const publicKey = (fact: { publicKey: Uint8Array; publicKeyId: string } | undefined): PublicKey | undefined =>
  fact === undefined || fact.publicKey.length === 0 ? undefined : { keyId: fact.publicKeyId, publicKey: fact.publicKey }

/**
 * What a record says about people, sealed: the client's address, its user agent and what the handler added to the subject's own key; a tenant that was named
 * but not verified, and all of it where there is no subject, to the tenant's; the platform's pair where there is no other.
 */
const sealedParts = (call: CallState, tenantId: string, ports: ChainPorts): SealedPart[] => {
  const personal: Record<string, unknown> = { ...call.details }
  if (call.clientAddress !== undefined) personal.client_address = call.clientAddress
  const userAgent = call.arrival.headers['user-agent']
  if (userAgent !== undefined && call.workload.service === undefined) personal.user_agent = userAgent.slice(0, 256)
  const general: Record<string, unknown> = {}
  const named = call.request === undefined ? undefined : call.method.tenantOf(call.request)
  if (named !== undefined && named !== tenantId && !call.authorized) general.named_tenant = named
  if (call.authorized && call.subject === undefined && named !== undefined && call.entered !== named && actorKind(call) === 'anonymous') {
    general.named_tenant = named
  }
  if (call.method.name === UNKNOWN_METHOD) general.path = call.arrival.path.slice(0, 256)

  const { subject } = call
  const boundTo = Buffer.from(call.decisionId).toString('hex')
  const own = subject === undefined ? undefined : publicKey(ports.facts.subject(subject.tenant, subject.id))
  const parts: SealedPart[] = []
  if (own !== undefined && Object.keys(personal).length > 0) parts.push(ports.sealer.seal(own, tenantId, boundTo, personal, subject!.id))
  else Object.assign(general, personal)
  if (Object.keys(general).length > 0) {
    const key = publicKey(ports.facts.tenant(tenantId)) ?? publicKey(ports.facts.tenant(PLATFORM_TENANT)) ?? ports.platformKey?.()
    // Before the first key exists there is nothing to seal to: what can't be sealed is not written.
    if (key !== undefined) parts.push(ports.sealer.seal(key, tenantId, boundTo, general))
  }
  return parts
}

/** SHA-256 over the ids of a call's events, in order: ids are of one length, so nothing need separate them. */
export const eventsDigest = (ids: readonly string[]): Uint8Array => {
  if (ids.length === 0) return NOTHING
  const hash = createHash('sha256')
  for (const id of ids) hash.update(id)
  return hash.digest()
}

/** Another call's decision from the cache is the same object: its message is made once. */
const decisionMessages = () => {
  const made = new WeakMap<RecordedDecision, DecisionFacts>()
  return (decision: RecordedDecision): DecisionFacts => {
    let message = made.get(decision)
    if (message === undefined) {
      const { facts, revision, cached, obligations } = decision
      message = create(DecisionFactsSchema, {
        ...facts,
        decided: true,
        policyRevision: revision,
        cached,
        ...(obligations && { obligations }),
      })
      made.set(decision, message)
    }
    return message
  }
}

const timestampNow = (): Timestamp => {
  const ms = Date.now()
  return { $typeName: 'google.protobuf.Timestamp', seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 }
}

export interface RecordOptions {
  readonly kind: RecordKind
  readonly tenantId: string
  /** Absent while the call goes on. */
  readonly answer: Answer | undefined
  readonly counts: Counts
  readonly events: readonly string[]
}

/**
 * Makes access records, but for what the journal gives them. Messages are written out field by field: `create` walks their descriptors, which costs more
 * than the rest of the chain.
 */
export const createRecords = (ports: ChainPorts) => {
  const factsOf = decisionMessages()
  return (call: CallState, { kind, tenantId, answer, counts, events }: RecordOptions): AccessRecord => {
    const { method, subject, decision } = call
    const silent = kind === RecordKind.COPY || kind === RecordKind.PROGRESS
    return {
      $typeName: 'tenantry.events.v1.AccessRecord',
      kind,
      decisionId: call.decisionId,
      time: timestampNow(),
      durationUs: Math.round((performance.now() - call.startedAt) * 1_000),
      tenantId,
      instance: '',
      epoch: NOTHING,
      sequence: 0n,
      previous: NOTHING,
      service: call.service,
      method: method.name,
      actor: {
        $typeName: 'tenantry.events.v1.Actor',
        workload: call.workload.spiffeId,
        subject: subject?.id ?? '',
        kind: actorKind(call),
        tenantId: subject?.tenant ?? call.workload.tenant ?? '',
        sessionId: subject?.session ?? '',
        boundTo: subject?.binding === 'forwarded' || subject?.binding === 'mismatched' ? (call.boundTo ?? '') : '',
        delegate: '',
      },
      action: method.option.action,
      resourceType: method.option.resourceType,
      resourceId: call.request === undefined ? '' : method.resourceOf(call.request),
      outcome: answer === undefined ? Outcome.OK : outcomeOf(answer),
      code: answer?.code ?? Code.OK,
      reason: answer?.reason === undefined ? Reason.UNSPECIFIED : Reason[answer.reason],
      region: call.region,
      traceId: call.traceId,
      traceparent: traceparentOf(call) ?? '',
      decision: decision === undefined ? undefined : factsOf(decision),
      eventCount: events.length,
      eventsDigest: eventsDigest(events),
      messagesIn: BigInt(counts.in),
      messagesOut: BigInt(counts.out),
      count: 0n,
      targetTenantId:
        call.authorized && call.tenant !== tenantId && (copyTenant(call) !== undefined || subject !== undefined) ? call.tenant : '',
      sealed: silent ? [] : sealedParts(call, tenantId, ports),
      epochEnd: undefined,
    }
  }
}

/** One record, where they are too few to keep a maker for: refusals at the edge. */
export const buildRecord = (call: CallState, ports: ChainPorts, options: RecordOptions): AccessRecord => createRecords(ports)(call, options)
