import type { SubjectFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Subject } from '../mesh/call.js'
import type { Facts } from '../facts/facts.js'
import { keyPart } from './decision-cache.js'
import { heldRoles } from './held-roles.js'
import type { HeldRoles } from './held-roles.js'
import { subjectText, tenantStatus } from './input.js'
import type { SubjectStatus } from './input.js'
import { twoGenerations } from './two-generations.js'

/** What facts give a subject in one place: a collection, or none. */
export interface Standing {
  readonly held: HeldRoles
  /** The subject as the policy sees it, JSON. */
  readonly text: string
  /** The token, by its number, and the versions of the subject, of its tenant and of its roles: of a decision's key. */
  readonly key: string
}

/** A token's subject with what the facts say of it, worked out once for as long as they do not change. */
export interface KnownSubject {
  readonly status: SubjectStatus
  readonly tenantStatus: string
  readonly version: bigint
  standing(collectionId: string): Standing
}

type SubjectFacts = Pick<Facts, 'tenant' | 'subject' | 'role' | 'sessionRevoked'> & { generation(): number }

const statusOf = (fact: SubjectFact | undefined, revoked: boolean): SubjectStatus => {
  if (fact === undefined) return 'unknown'
  if (fact.deleted) return 'deleted'
  if (fact.status !== 'active') return fact.status === 'suspended' ? 'suspended' : 'deleted'
  return revoked ? 'revoked' : 'active'
}

/** `number` stands for the token and how it was bound: it is never given twice. */
const know = (subject: Subject, number: number, facts: SubjectFacts): KnownSubject => {
  const fact = facts.subject(subject.tenant, subject.id)
  const tenant = facts.tenant(subject.tenant)
  const status = statusOf(fact, facts.sessionRevoked(subject.tenant, subject.id, subject.session))
  const standings = new Map<string, Standing>()
  const view = { ...subject, status, tenantStatus: tenantStatus(tenant) }
  const version = fact?.version ?? 0n
  return {
    status,
    tenantStatus: view.tenantStatus,
    version,
    standing: (collectionId) => {
      // Most grants are of the whole tenant: collections that none names stand alike.
      const place = fact?.grants.some((grant) => grant.collectionId === collectionId) === true ? collectionId : ''
      const known = standings.get(place)
      if (known !== undefined) return known
      const held = heldRoles(fact, place, facts.role)
      const roles = held.roles.map((role, index) => `${role.length}:${role}=${held.versions[index]}`).join(',')
      const versions = `${version};${tenant?.version ?? 0n};${view.tenantStatus};${status};${roles}`
      const standing = { held, text: subjectText(view, held), key: `${number};${keyPart(versions)}` }
      standings.set(place, standing)
      return standing
    },
  }
}

interface Entry {
  readonly number: number
  generation: number
  known: KnownSubject
}

/**
 * Subjects by their token and its binding, in two generations of `perGeneration`. What is kept is worked out anew when the facts have changed since.
 */
export const knownSubjects = (facts: SubjectFacts, perGeneration = 10_000): ((subject: Subject) => KnownSubject) => {
  const byBinding = new Map<Subject['binding'], ReturnType<typeof twoGenerations<Entry>>>()
  let numbers = 0
  const entries = (binding: Subject['binding']) => {
    const known = byBinding.get(binding)
    if (known !== undefined) return known
    const made = twoGenerations<Entry>(perGeneration)
    byBinding.set(binding, made)
    return made
  }
  return (subject) => {
    const kept = entries(subject.binding)
    const entry = kept.get(subject.token)
    const generation = facts.generation()
    if (entry === undefined) {
      const number = ++numbers
      const made = { number, generation, known: know(subject, number, facts) }
      kept.set(subject.token, made)
      return made.known
    }
    if (entry.generation !== generation) {
      entry.known = know(subject, entry.number, facts)
      entry.generation = generation
    }
    return entry.known
  }
}
