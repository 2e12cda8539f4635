import type { Call } from '../platform/mesh/call.js'
import type { PageBinding } from '../platform/keys/page-token.js'

/** What a page token is good for: the same method, tenant, subject, filter and order, and whatever else the position depends on. */
export const pageBinding = (call: Call, filter: string, order: string, extra = ''): PageBinding => ({
  method: call.method.name,
  tenant: call.tenant,
  subject: call.subject?.id ?? call.workload.spiffeId,
  filter,
  order,
  extra,
})
