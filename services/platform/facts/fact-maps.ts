import type { Fact, RoleFact, SubjectFact, TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'

/** What is known of one owner's entities. Facts are whole: one replaces another if its version is higher. */
export interface FactMaps {
  readonly tenants: Map<string, TenantFact>
  readonly subjects: Map<string, SubjectFact>
  readonly roles: Map<string, RoleFact>
  /** Tenants by slug; those that were deleted have given theirs back. */
  readonly slugs: Map<string, string>
}

export const emptyMaps = (): FactMaps => ({ tenants: new Map(), subjects: new Map(), roles: new Map(), slugs: new Map() })

/** Ids have no slash. */
export const keyOf = (tenantId: string, id: string): string => `${tenantId}/${id}`

const newer = <F extends { version: bigint }>(map: Map<string, F>, key: string, fact: F): boolean => {
  const known = map.get(key)
  if (known !== undefined && known.version >= fact.version) return false
  map.set(key, fact)
  return true
}

const applyTenant = ({ tenants, slugs }: FactMaps, fact: TenantFact): boolean => {
  const before = tenants.get(fact.tenantId)
  if (!newer(tenants, fact.tenantId, fact)) return false
  if (before !== undefined && slugs.get(before.slug) === fact.tenantId) slugs.delete(before.slug)
  if (!fact.deleted && fact.slug !== '') slugs.set(fact.slug, fact.tenantId)
  return true
}

/** Applies one fact; answers with its tenant if that changed anything. */
export const applyFact = (maps: FactMaps, { fact }: Fact): string | undefined => {
  switch (fact.case) {
    case 'tenant':
      return applyTenant(maps, fact.value) ? fact.value.tenantId : undefined
    case 'subject':
      return newer(maps.subjects, keyOf(fact.value.tenantId, fact.value.subjectId), fact.value) ? fact.value.tenantId : undefined
    case 'role':
      return newer(maps.roles, keyOf(fact.value.tenantId, fact.value.roleId), fact.value) ? fact.value.tenantId : undefined
    case undefined:
      return undefined
  }
}
