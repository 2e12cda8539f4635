import type { Statement } from '../../platform/postgres/statement.js'

/** Begins a tenant's log; one that began already, be it with a record that came earlier than its tenant's announcement, stays as it is. */
export const openLog = (tenantId: string): Statement => ({
  name: 'open-log',
  text: 'insert into @.audit_log (tenant_id) values ($1) on conflict (tenant_id) do nothing',
  values: [tenantId],
  rows: 'any',
  writes: true,
})
