import type { RoleFact, SubjectFact, TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Deadline } from '../mesh/call.js'

/**
 * The read model that decisions are made from: renewed at its owners several times a second, trusted only under a short lease.
 * Look-ups are synchronous; `ensure` first.
 */
export interface Facts {
  /** Resolves at once under a live lease; else asks the owners, coalesced. Throws AppError FACTS_STALE. */
  ensure(deadline: Deadline): Promise<void> | undefined
  tenant(tenantId: string): TenantFact | undefined
  tenantBySlug(slug: string): TenantFact | undefined
  subject(tenantId: string, subjectId: string): SubjectFact | undefined
  role(tenantId: string, roleId: string): RoleFact | undefined
  /** Whether the session was revoked within one token lifetime. */
  sessionRevoked(tenantId: string, subjectId: string, sessionId: string): boolean
  /** Every tenant known, for workers. */
  tenants(): Iterable<TenantFact>
  /** Called when facts changed, with the tenants concerned. */
  onChange(listener: (tenantIds: ReadonlySet<string>) => void): () => void
  /** Whether the lease is live now. */
  fresh(): boolean
  /** Milliseconds since the oldest owner's last good answer. */
  age(): number
  close(): void
}
