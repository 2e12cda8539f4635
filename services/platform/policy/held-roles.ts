import type { RoleFact, SubjectFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'

/** The roles that a subject holds for a resource, with what they give. Arrays of roles and versions are in step. */
export interface HeldRoles {
  readonly roles: readonly string[]
  readonly versions: readonly bigint[]
  /** Actions of those roles, each once; may end in `*`. */
  readonly permissions: readonly string[]
  /** `tenant`, or `collection:<id>`. */
  readonly scopes: readonly string[]
}

const NONE: HeldRoles = { roles: [], versions: [], permissions: [], scopes: [] }

/**
 * The grants that reach a resource: those of the whole tenant, and those of the collection that it lies in (empty: in none). A role that is not known,
 * or was deleted, gives nothing.
 */
export const heldRoles = (
  subject: SubjectFact | undefined,
  collectionId: string,
  role: (tenantId: string, roleId: string) => RoleFact | undefined,
): HeldRoles => {
  if (subject === undefined || subject.deleted) return NONE
  const held = new Map<string, bigint>()
  const permissions = new Set<string>()
  const scopes = new Set<string>()
  for (const grant of subject.grants) {
    if (grant.collectionId !== '' && grant.collectionId !== collectionId) continue
    const fact = role(subject.tenantId, grant.roleId)
    if (fact === undefined || fact.deleted) continue
    scopes.add(grant.collectionId === '' ? 'tenant' : `collection:${grant.collectionId}`)
    held.set(grant.roleId, fact.version)
    for (const action of fact.actions) permissions.add(action)
  }
  return { roles: [...held.keys()], versions: [...held.values()], permissions: [...permissions], scopes: [...scopes] }
}
