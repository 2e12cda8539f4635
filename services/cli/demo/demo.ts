import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { AuditService } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { Entry } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { FieldSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { CollectionService } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { TenantService, Tier } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { AppError } from '../../platform/mesh/errors.js'
import { auditRow } from '../commands/audit.js'
import { parseField } from '../commands/collection.js'
import type { OpenEdge } from '../context.js'
import { readCsv } from '../csv.js'
import { layout } from '../output.js'
import type { Operator, Seat } from './platform.js'
import { onboard, operatorOf } from './platform.js'

const CUSTOMERS = [
  'customer_id:number:required',
  'first_name:string:required:confidential',
  'last_name:string:required:confidential',
  'company:string',
  'address:string:confidential',
  'city:string',
  'state:string',
  'country:string',
  'postal_code:string',
  'phone:string:confidential',
  'fax:string:confidential',
  'email:string:required:confidential',
  'support_rep_id:number',
]
const INVOICES = [
  'invoice_id:number:required',
  'customer_id:number:required',
  'invoice_date:timestamp:required',
  'billing_address:string:confidential',
  'billing_city:string',
  'billing_state:string',
  'billing_country:string',
  'billing_postal_code:string',
  'total:number:required',
]
const BATCH = 200
const LIST = 'tenantry.audit.v1.AuditService/ListEvents'
/** How long the audit trail may take to show a call. */
const TRAIL_MS = 15_000

/** A tour of the running platform on real data: two tenants, imports, a permitted and a denied call, a suspension, and the trail of it all. */
export const demo = async (openEdge: OpenEdge, stateDirectory: string, data: URL, say: (line: string) => void): Promise<void> => {
  const mark = Date.now().toString(36)
  const operator = await operatorOf(openEdge, stateDirectory)
  say(`operator ${operator.userId} logged in at ${operator.gateway}`)

  say('\n# Two tenants: one in the shared pool, one in a schema of its own')
  const north = await onboard(openEdge, operator, {
    slug: `north-${mark}`,
    name: 'North Music',
    tier: Tier.STANDARD,
    email: `admin@north-${mark}.test`,
  })
  say(`north-${mark} is ${north.tenantId} (pool)`)
  const south = await onboard(openEdge, operator, {
    slug: `south-${mark}`,
    name: 'South Music',
    tier: Tier.PREMIUM,
    email: `admin@south-${mark}.test`,
  })
  say(`south-${mark} is ${south.tenantId} (schema)`)

  say('\n# Real customers and invoices')
  const customers = await importFile(north, 'customers', CUSTOMERS, new URL('customers.csv', data), 'customer_id', 'customer-', say)
  await importFile(north, 'invoices', INVOICES, new URL('invoices.csv', data), 'invoice_id', 'invoice-', say)
  await importFile(south, 'customers', CUSTOMERS, new URL('customers.csv', data), 'customer_id', 'customer-', say)

  say('\n# A permitted call')
  const wanted = { tenantId: north.tenantId, collectionId: customers, recordId: 'customer-1' }
  const { record } = await north.edge.client(RecordService).getRecord(wanted)
  say(`GetRecord customer-1 by its own tenant: ok, ${Object.keys(record!.fields!).length} fields, version ${record!.version}`)

  say('\n# The same call by another tenant')
  const denied = await refusal(south.edge.client(RecordService).getRecord(wanted))
  say(`GetRecord customer-1 by south-${mark}: PERMISSION_DENIED ${denied.reason}, decision ${denied.decisionId}`)

  say('\n# A suspended tenant')
  await operator.edge.client(TenantService).suspendTenant({ tenantId: south.tenantId })
  const suspended = await refusal(south.edge.client(CollectionService).listCollections({ tenantId: south.tenantId }))
  say(`ListCollections by south-${mark}: PERMISSION_DENIED ${suspended.reason}, decision ${suspended.decisionId}`)

  say(`\n# The trail of south-${mark}, in its own log: the denied call is there`)
  await trail(operator, south, [denied.decisionId, suspended.decisionId], say)
  say(`\n# The trail of north-${mark}`)
  await trail(operator, north, [], say)
  for (const seat of [operator, north, south]) seat.edge.close()
}

const importFile = async (
  seat: Seat,
  name: string,
  fields: readonly string[],
  file: URL,
  idColumn: string,
  prefix: string,
  say: (line: string) => void,
): Promise<string> => {
  const { collection } = await seat.edge.client(CollectionService).createCollection({
    tenantId: seat.tenantId,
    name,
    fields: fields.map((field): MessageInitShape<typeof FieldSchema> => parseField(field)),
  })
  const { tenantId, collectionId } = collection!
  async function* messages() {
    let records = []
    for await (const { recordId, fields } of readCsv(fileURLToPath(file), collection!.fields, idColumn, prefix)) {
      records.push({ recordId, fields })
      if (records.length === BATCH) {
        yield { tenantId, collectionId, records }
        records = []
      }
    }
    yield { tenantId, collectionId, records }
  }
  const { created } = await seat.edge.client(RecordService).importRecords(messages())
  say(`${name}: ${created} records imported into ${collectionId}`)
  return collectionId
}

/** The refusal that a call must end in: anything else fails the demo. */
const refusal = async (call: Promise<unknown>): Promise<{ reason: string; decisionId: string }> => {
  try {
    await call
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const decisionId = error.metadata['decision_id']
    if (error.code !== 7 || decisionId === undefined) throw error
    return { reason: error.reason, decisionId }
  }
  throw new Error('a call that must be denied was allowed')
}

/** Prints the newest entries of a tenant's log, once it shows the decisions that are waited for. */
const trail = async (operator: Operator, seat: Seat, decisions: readonly string[], say: (line: string) => void): Promise<void> => {
  const until = performance.now() + TRAIL_MS
  let newest: bigint | undefined
  for (;;) {
    const { entries } = await operator.edge.client(AuditService).listEvents({ tenantId: seat.tenantId, pageSize: 500 })
    const seen = new Set(entries.map((entry: Entry) => entry.decisionId))
    const missing = decisions.filter((decision) => !seen.has(decision))
    // Two looks with the same head: what was done has arrived. (Each look adds its own record, of this operator's.)
    const head = entries.find((entry) => entry.entry.case === 'event' || entry.entry.value?.method !== LIST)?.index
    const settled = head !== undefined && head === newest
    newest = head
    if (missing.length === 0 && settled) {
      for (const line of layout(grouped(entries).slice(0, 14))) say(line)
      return
    }
    if (performance.now() > until) throw new Error(`the audit trail does not show ${missing.join(', ') || 'anything'}`)
    await sleep(200)
  }
}

/** Rows of the trail; the many events of one call in one row, with their count. */
const grouped = (entries: readonly Entry[]): Record<string, string>[] => {
  const rows: { row: Record<string, string>; count: number }[] = []
  for (const entry of entries) {
    const row = auditRow(entry)
    const last = rows.at(-1)
    if (last && last.row['decision'] === row['decision'] && last.row['what'] === row['what']) last.count++
    else rows.push({ row, count: 1 })
  }
  return rows.map(({ row, count }) => ({
    index: row['index']!,
    decision: row['decision']!,
    what: row['what']!,
    count: String(count),
    outcome: row['outcome']!,
  }))
}
