import type { Logger } from 'pino'
import type { SealedDraft, EventDraft } from '../platform/events/draft.js'
import type { Call } from '../platform/mesh/call.js'
import type { ContextPurpose, Database } from '../platform/postgres/database.js'
import type { OnceCall } from '../platform/postgres/once.js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import type { PrepareTenant } from './provision.js'
import type { PageTokens } from '../platform/keys/page-token.js'

/** What the tenant service is built from. */
export interface TenantDeps {
  readonly db: Database
  readonly region: string
  /** The service's own workload: who its events say has acted. */
  readonly self: { readonly spiffeId: string; readonly service: 'tenant' }
  readonly log: Logger
  readonly pageTokens: PageTokens
  /** Numbers an event of a call and seals what it says about people. */
  readonly seal: (draft: EventDraft, call: Pick<Call, 'nextEvent' | 'tenant'>) => SealedDraft
  /** Steps of provisioning, in order: what each other service does for a new tenant. */
  readonly prepare: readonly { step: string; service: string; prepare: PrepareTenant }[]
  /** HMAC key of request bodies. */
  readonly requestKey: Buffer
  /** Milliseconds to wait after a narrowing commit until it is in force on every replica. */
  readonly leaseMs: number
  /** Tells the provisioner that there is work. */
  readonly wake: () => void
}

const withPurpose = (call: Call, tenant: string, purpose: ContextPurpose): OnceCall => ({
  tenant,
  purpose,
  deadline: call.deadline,
  span: call.span,
  method: call.method,
  subject: call.subject,
  workload: call.workload,
  committed: (ids) => call.committed?.(ids),
  get mayWrite() {
    return call.mayWrite
  },
})

/** A database context of the tenant that an authorized request names: an operator's own is the platform's. */
export const inTenant = (call: Call, tenantId: string): OnceCall => withPurpose(call, tenantId, 'tenant')

/** A database context across tenants, for methods that only operators may call, and for workers of other services. */
export const acrossTenants = (call: Call): OnceCall => withPurpose(call, PLATFORM_TENANT, 'platform')
