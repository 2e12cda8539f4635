import type { Facts } from '../platform/facts/facts.js'
import { AppError } from '../platform/mesh/errors.js'

/**
 * Where a tenant's tables are: the schema of its id, or undefined for the pool. A tenant that facts do not know has no place: guessing the pool would
 * split its data in two. Throws FACTS_STALE for it.
 */
export const schemaOf =
  (facts: Pick<Facts, 'tenant'>): ((tenantId: string) => string | undefined) =>
  (tenantId) => {
    const placement = facts.tenant(tenantId)?.placement
    if (placement === 'pool') return undefined
    if (placement === 'schema') return tenantId
    throw new AppError('FACTS_STALE', 'the placement of the tenant is not known yet')
  }
