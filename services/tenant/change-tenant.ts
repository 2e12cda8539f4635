import { setTimeout as sleep } from 'node:timers/promises'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { Tenant } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Call } from '../platform/mesh/call.js'
import { notFound } from '../platform/mesh/errors.js'
import { emitting } from '../platform/postgres/emitting.js'
import { runOnce } from '../platform/postgres/once.js'
import type { Statement } from '../platform/postgres/statement.js'
import type { TenantDeps } from './deps.js'
import { acrossTenants, inTenant } from './deps.js'
import type { TenantChange } from './events.js'
import { tenantEvent } from './events.js'
import { toTenant, versionOf } from './map.js'
import type { TenantRow } from './store/rows.js'
import { selectTenant } from './store/select-tenant.js'

/** Margin over the lease for the commit to be seen by a renewal that began at the same time. */
const LEASE_MARGIN_MS = 50

export interface TenantUpdate {
  readonly change: TenantChange
  readonly fields: readonly string[]
  /** Takes something away: answers only when it is in force on every replica (a lease and a margin later). */
  readonly narrows?: boolean
  /** The change of the row as it stands; undefined: it is so already, and nothing is written. */
  readonly statement: (row: TenantRow, version: bigint) => Statement<TenantRow> | undefined
}

/** One change of a tenant: reads it, checks the etag, writes it with its event and its request id. */
export const changeTenant = async <Desc extends DescMessage>(
  deps: TenantDeps,
  call: Call,
  desc: Desc,
  request: MessageShape<Desc> & { tenantId: string; etag: string; requestId: string },
  update: TenantUpdate,
): Promise<Tenant> => {
  // An operator's request ids are the platform's rows, so its writes stand in a context of the platform; a tenant's own subject has only its own.
  const db = call.subject?.tenant === request.tenantId ? inTenant(call, request.tenantId) : acrossTenants(call)
  const read = async (): Promise<TenantRow> => {
    const [[row]] = await deps.db.run(db, selectTenant(request.tenantId))
    if (!row) throw notFound('tenant')
    return row
  }
  const options = { desc, request, hmacKey: deps.requestKey }
  const done = await runOnce(deps.db, db, options, async (attach) => {
    const current = await read()
    const statement = update.statement(current, versionOf(request.etag, current))
    if (!statement) return current
    const event = deps.seal(tenantEvent(update.change, request.tenantId, update.fields), call)
    const [[row]] = await deps.db.run(db, attach(emitting(statement, event, call), request.tenantId))
    return row!
  })
  // Also when it was so already, or is asked for again: the first change may be on its way still.
  if (update.narrows) await sleep(deps.leaseMs + LEASE_MARGIN_MS, undefined, { signal: call.deadline.signal })
  return toTenant(done.replayed ? await read() : done.result)
}
