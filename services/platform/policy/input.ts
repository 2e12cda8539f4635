import type { TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { RowFacts, Subject, Workload } from '../mesh/call.js'
import type { HeldRoles } from './held-roles.js'

/**
 * The input of a decision as text: tenantry.authz.v1.Input in JSON with the names of the proto. What stays the same over many calls (the workload, the
 * subject with its roles, the tenant, the method) is written once and kept; JSON.stringify writes every value, so that none can end its place.
 */
const text = (value: unknown): string => JSON.stringify(value)

/** Keys with an empty value are left out, as proto's JSON form does, where the policy does not ask for them by value. */
const present = (fields: Record<string, string | undefined>): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== '') kept[name] = value
  return kept
}

export const workloadText = ({ spiffeId, service, tenant, region }: Workload): string =>
  text({ spiffe_id: spiffeId, ...present({ service, tenant }), region })

/** `revoked` is the session's: it is of this token, the rest of the subject. */
export type SubjectStatus = 'active' | 'suspended' | 'deleted' | 'revoked' | 'unknown'

/** What a token says of its subject, with what the read model knows of it. */
export interface SubjectView extends Omit<Subject, 'token' | 'expires'> {
  readonly status: SubjectStatus
  readonly tenantStatus: string
}

export const subjectText = (subject: SubjectView, held: HeldRoles): string =>
  text({
    id: subject.id,
    kind: subject.kind,
    tenant: subject.tenant,
    roles: held.roles,
    permissions: held.permissions,
    scopes: held.scopes,
    mfa: subject.mfa,
    auth_time: new Date(subject.authTime * 1000).toISOString(),
    session: subject.session,
    status: subject.status,
    region: subject.region,
    binding: subject.binding,
    tenant_status: subject.tenantStatus,
  })

/** What the policy sees of a tenant that is not known: the same for one that never was and for one that is gone. */
const ABSENT = { status: 'unknown', tier: '', region: '' }

/** Status of a tenant as decisions see it. */
export const tenantStatus = (fact: TenantFact | undefined): string =>
  fact === undefined ? 'unknown' : fact.deleted ? 'deleted' : fact.status

export const tenantText = (tenantId: string, fact: TenantFact | undefined): string =>
  text(
    fact === undefined || fact.deleted
      ? { id: tenantId, ...ABSENT }
      : { id: tenantId, status: fact.status, tier: fact.tier, region: fact.region },
  )

export interface ResourceView {
  readonly type: string
  readonly id: string
  /** The tenant that the request names; empty for methods of the platform. */
  readonly tenant: string
  readonly region: string
  readonly attributes: Readonly<Record<string, string>>
  readonly row: RowFacts | undefined
}

export const resourceText = ({ type, id, tenant, region, attributes, row }: ResourceView): string =>
  text({ type, id, tenant, region, ...present({ owner: row?.owner, classification: row?.classification }), attributes })

/** What is said of every call of a method: begins the context, without its last brace. */
export const methodText = (method: {
  service: string
  name: string
  region: string
  callers: readonly string[]
  rowFacts: readonly string[]
}): string =>
  text({ service: method.service, method: method.name, callers: method.callers, region: method.region, row_facts: method.rowFacts }).slice(
    0,
    -1,
  )

export interface InputTexts {
  readonly workload: string
  readonly subject: string | undefined
  readonly action: string
  readonly resource: string
  readonly tenant: string | undefined
  /** As `methodText` gives it. */
  readonly method: string
  readonly ip: string | undefined
  readonly withRow: boolean
}

export const inputText = (parts: InputTexts): string =>
  `{"workload":${parts.workload}${parts.subject === undefined ? '' : `,"subject":${parts.subject}`},"action":${text(parts.action)},` +
  `"resource":${parts.resource}${parts.tenant === undefined ? '' : `,"tenant":${parts.tenant}`},"context":${parts.method},` +
  `"time":${text(new Date().toISOString())}${parts.ip === undefined ? '' : `,"ip":${text(parts.ip)}`},"with_row":${parts.withRow}}}`
