import type { Message } from '@bufbuild/protobuf'
import type { FactsModel } from '../facts/create-facts.js'
import { PLATFORM_TENANT } from '../ids.js'
import type { Authorizer, RecordedDecision } from '../mesh/authorizer.js'
import type { Call, RowFacts, ServiceName, Workload } from '../mesh/call.js'
import { AppError } from '../mesh/errors.js'
import type { MeshMethod } from '../mesh/method.js'
import { decisionCache, keyPart } from './decision-cache.js'
import type { DecisionPoint } from './decision-point.js'
import { inputText, methodText, resourceText, tenantStatus, tenantText, workloadText } from './input.js'
import { attributeReader, callersOf, rowFactsOf } from './method-options.js'
import { knownSubjects } from './subjects.js'

export interface AuthorizerOptions {
  /** The service that decides. */
  readonly service: ServiceName
  /** Its region. */
  readonly region: string
  readonly decisionPoint: DecisionPoint
  readonly facts: Pick<FactsModel, 'ensure' | 'fresh' | 'refresh' | 'generation' | 'tenant' | 'subject' | 'role' | 'sessionRevoked'>
  /** Decisions, and subjects, kept in each of two generations. */
  readonly cacheSize?: number
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Unix milliseconds. */
  readonly clock?: () => number
}

export interface PolicyAuthorizer extends Authorizer {
  /** Decides what has no option of ours (health, reflection), on the workload and the action alone: `platform.health.check`, `platform.reflection.read`. */
  decideAction(action: string, workload: Workload): RecordedDecision
}

/** Denials that newer facts might turn: what only widens waits for no lease, so they are looked at again before they are given. */
const MAY_TURN: ReadonlySet<string> = new Set([
  'MISSING_PERMISSION',
  'NOT_OWNER',
  'CLASSIFICATION_TOO_HIGH',
  'SUBJECT_SUSPENDED',
  'TENANT_SUSPENDED',
  'TENANT_NOT_READY',
  'TENANT_UNKNOWN',
  'TENANT_MISMATCH',
])

/** What is read of a method once. */
interface Prepared {
  /** Nobody's token counts: it is not looked at. */
  readonly anonymousOnly: boolean
  readonly text: string
  readonly key: string
  readonly attributes: (request: Message) => Record<string, string>
  /** The collection that the resource lies in; empty when in none. */
  readonly collection: (attributes: Record<string, string>, resourceId: string) => string
}

const prepare = (method: MeshMethod, service: string, region: string): Prepared => {
  const { option, desc } = method
  const callers = callersOf(option)
  const readers = option.attributes.map((path) => [path, attributeReader(desc.input, path)] as const)
  // An argument that only happens to name a collection (a grant's) is no place: grants of a collection reach what data keeps in it.
  const inData = option.action.startsWith('data.')
  const isCollection = option.resource === 'collection_id'
  return {
    anonymousOnly: callers.length === 1 && callers[0] === 'anonymous',
    text: methodText({ service, name: method.name, region, callers, rowFacts: rowFactsOf(option) }),
    key: keyPart(method.name),
    attributes: (request) => {
      const values = method.attributesOf(request)
      for (const [path, read] of readers) values[path] = read(values[path] ?? '')
      return values
    },
    collection: (attributes, resourceId) => (!inData ? '' : isCollection ? resourceId : (attributes.collection_id ?? '')),
  }
}

/** Everything that a decision is made from, gathered before the policy is asked. */
interface Question {
  readonly method: MeshMethod
  readonly request: Message
  readonly call: Call
  readonly row: RowFacts | undefined
}

/**
 * Decides calls by the policy, in process. With a token the facts' lease is ensured first (FACTS_STALE when it can't be); without one the decision is made from
 * the workload and the method alone. Of a tenant that is neither the subject's own nor an operator's business the policy is told nothing,
 * so that one that is absent and one that is another's are answered, and recorded, alike.
 */
export const createAuthorizer = (options: AuthorizerOptions): PolicyAuthorizer => {
  const { service, region, decisionPoint, facts, cacheSize } = options
  const cache = decisionCache(cacheSize, options.now, options.clock)
  const known = knownSubjects(facts, cacheSize)
  const methods = new WeakMap<MeshMethod, Prepared>()
  const workloads = new WeakMap<Workload, { readonly text: string; readonly key: string }>()
  // Calls whose denials were looked at again once: what was committed before they came is known.
  const refreshed = new WeakSet<Call['deadline']>()

  const prepared = (method: MeshMethod): Prepared => {
    const found = methods.get(method)
    if (found !== undefined) return found
    const made = prepare(method, service, region)
    methods.set(method, made)
    return made
  }
  const partsOf = (workload: Workload) => {
    const found = workloads.get(workload)
    if (found !== undefined) return found
    const made = { text: workloadText(workload), key: keyPart(workload.spiffeId) }
    workloads.set(workload, made)
    return made
  }

  const ready = () => {
    if (!decisionPoint.ready) throw new AppError('POLICY_UNAVAILABLE', 'there is no policy to decide by')
  }

  const ask = ({ method, request, call, row }: Question): RecordedDecision => {
    const { anonymousOnly, text, key: methodKey, attributes: read, collection } = prepared(method)
    const workload = partsOf(call.workload)
    const { option } = method
    const token = anonymousOnly ? undefined : call.subject
    const resourceId = method.resourceOf(request)
    const attributes = read(request)
    const named = method.tenantOf(request)
    const subject = token === undefined ? undefined : known(token)
    const standing = subject?.standing(collection(attributes, resourceId))
    const visible = token === undefined ? facts.fresh() : named === token.tenant || token.tenant === PLATFORM_TENANT
    const tenant = named === undefined || !visible ? undefined : facts.tenant(named)

    let key: string | undefined
    if (option.cacheable && row === undefined) {
      key =
        `${decisionPoint.revision};${workload.key}${standing?.key ?? '-;'}${methodKey}` +
        `${tenant === undefined ? '-' : `${tenant.version}${tenant.deleted ? 'd' : ''}`};` +
        `${keyPart(call.clientAddress ?? '')}${named === undefined ? '-' : keyPart(named)}${keyPart(resourceId)}`
      for (const path of option.attributes) key += keyPart(attributes[path]!)
      const cached = cache.get(key)
      if (cached !== undefined) return cached
    }

    const { allow, reason, obligations } = decisionPoint.decide(
      inputText({
        workload: workload.text,
        subject: standing?.text,
        action: option.action,
        resource: resourceText({
          type: option.resourceType,
          id: resourceId,
          tenant: named ?? '',
          region: tenant?.region ?? '',
          attributes,
          row,
        }),
        tenant: named === undefined ? undefined : tenantText(named, tenant),
        method: text,
        ip: call.clientAddress,
        withRow: row !== undefined,
      }),
    )
    const revision = decisionPoint.revision
    const decision: RecordedDecision = {
      allow,
      reason,
      obligations,
      revision,
      cached: false,
      facts: {
        decided: true,
        policyRevision: revision,
        cached: false,
        tenantVersion: tenant?.version ?? 0n,
        subjectVersion: subject?.version ?? 0n,
        roles: [...(standing?.held.roles ?? [])],
        roleVersions: [...(standing?.held.versions ?? [])],
        obligations,
        owner: row?.owner,
        classification: row?.classification,
        attributes,
        subjectStatus: subject?.status ?? '',
        tenantStatus: named === undefined || !visible ? '' : tenantStatus(tenant),
      },
    }
    if (allow && key !== undefined) cache.set(key, decision, token?.expires)
    return decision
  }

  /** Whether a denial depends on facts that may be on their way. Of a foreign tenant none are, so that it is answered as fast as an absent one. */
  const mayTurn = ({ method, request, call }: Question, { allow, reason }: RecordedDecision): boolean =>
    !allow &&
    call.subject !== undefined &&
    MAY_TURN.has(reason) &&
    (reason !== 'TENANT_MISMATCH' || method.tenantOf(request) === call.subject.tenant)

  const decided = (question: Question): RecordedDecision | Promise<RecordedDecision> => {
    const first = ask(question)
    const { deadline } = question.call
    if (!mayTurn(question, first) || refreshed.has(deadline)) return first
    refreshed.add(deadline)
    return facts.refresh(deadline).then(
      () => ask(question),
      () => first,
    )
  }

  const decide = (question: Question): RecordedDecision | Promise<RecordedDecision> => {
    ready()
    if (question.call.subject === undefined || prepared(question.method).anonymousOnly) return ask(question)
    const renewal = facts.ensure(question.call.deadline)
    return renewal === undefined ? decided(question) : renewal.then(() => decided(question))
  }

  return {
    decide: (method, request, call) => decide({ method, request, call, row: undefined }),
    decideWithRow: (method, request, call, row) => decide({ method, request, call, row }),
    decideAction: (action, workload) => {
      ready()
      const { allow, reason, obligations } = decisionPoint.decide(
        inputText({
          workload: partsOf(workload).text,
          subject: undefined,
          action,
          resource: resourceText({ type: 'platform', id: '', tenant: '', region: '', attributes: {}, row: undefined }),
          tenant: undefined,
          method: methodText({ service, name: action, region, callers: ['workload'], rowFacts: [] }),
          ip: undefined,
          withRow: false,
        }),
      )
      const revision = decisionPoint.revision
      return { allow, reason, obligations, revision, cached: false, facts: { decided: true, policyRevision: revision } }
    },
  }
}
