import type { Facts } from '../platform/facts/facts.js'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import { heldRoles } from '../platform/policy/held-roles.js'
import type { IdentityFacts } from './deps.js'

/** Whether a held action (perhaps ending in `*`) gives the wanted one, which may be a pattern itself. Who may do it to any row may do it to one's own. */
const gives = (held: string, wanted: string): boolean =>
  held === '*' ||
  held === wanted ||
  (held.endsWith('.*') && wanted.startsWith(held.slice(0, -1))) ||
  (wanted.endsWith('_own') && held === wanted.slice(0, -'_own'.length))

/** Those of the wanted actions that none of the held gives. */
export const notGiven = (held: readonly string[], wanted: readonly string[]): string[] =>
  wanted.filter((action) => !held.some((one) => gives(one, action)))

/**
 * What the caller holds by the facts that the decision was made from: in its whole tenant, or in one collection too. An operator's are those of the
 * platform tenant.
 */
export const heldActions = (facts: Pick<Facts, 'subject' | 'role'>, call: Pick<Call, 'subject'>, collectionId = ''): readonly string[] => {
  if (!call.subject) return []
  const { tenant, id } = call.subject
  return heldRoles(facts.subject(tenant, id), collectionId, (tenantId, roleId) => facts.role(tenantId, roleId)).permissions
}

/**
 * Throws MISSING_PERMISSION unless the caller holds everything that it is about to give: by the facts at hand, else by the newest, since what was given
 * to it a moment ago may not be known here yet.
 */
export const checkHolds = async (
  facts: Pick<IdentityFacts, 'subject' | 'role' | 'refresh'>,
  call: Pick<Call, 'subject' | 'deadline'>,
  actions: readonly string[],
  collectionId = '',
): Promise<void> => {
  const lacks = (): boolean => notGiven(heldActions(facts, call, collectionId), actions).length > 0
  if (!lacks()) return
  await facts.refresh(call.deadline)
  if (lacks()) throw new AppError('MISSING_PERMISSION', 'only what the caller holds can be given')
}
