import { timestampDate } from '@bufbuild/protobuf/wkt'
import type { Command } from 'commander'
import type { Entry } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { AuditService, EntrySchema, View } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { Reason } from '../../../proto/gen/tenantry/errors/v1/reason_pb.js'
import type { Context } from '../context.js'

interface Options {
  tenant?: string
  filter: string
  limit: number
  full?: true
  oldest?: true
}

export const auditCommand = (program: Command, context: () => Context): void => {
  const command = program.command('audit').description("a tenant's log of events and calls")
  command
    .command('list')
    .description('newest first')
    .option('--tenant <tenant>', 'id or slug, for operators')
    .option('--filter <filter>', 'as in: outcome = "denied" AND action = "data.record.create"', '')
    .option('--limit <n>', 'at most so many', (text) => Number.parseInt(text, 10), 50)
    .option('--oldest', 'oldest first')
    .option('--full', 'open what is sealed (needs audit.event.open)')
    .action(async (options: Options) => {
      const { out, session, tenant } = context()
      const client = session().edge.client(AuditService)
      const tenantId = await tenant(options.tenant)
      const view = options.full ? View.FULL : View.BASIC
      const rows = []
      let [pageToken, left] = ['', options.limit]
      do {
        const page = await client.listEvents({
          tenantId,
          filter: options.filter,
          view,
          orderBy: options.oldest ? 'index' : '',
          pageToken,
          pageSize: Math.min(left, 500),
        })
        for (const entry of page.entries) {
          if (out.json) out.message(EntrySchema, entry, '')
          else rows.push(auditRow(entry))
        }
        left -= page.entries.length
        pageToken = page.nextPageToken
      } while (pageToken !== '' && left > 0)
      out.table(rows)
    })
}

/** An entry as a row of a table. */
export const auditRow = (entry: Entry): Record<string, string> => {
  const shared = {
    index: String(entry.index),
    time: entry.time ? timestampDate(entry.time).toISOString() : '',
    decision: entry.decisionId.slice(0, 12),
  }
  if (entry.entry.case === 'event') {
    const event = entry.entry.value
    return {
      ...shared,
      what: event.type,
      who: event.actor?.subject || event.actor?.workload || '',
      on: event.subject,
      outcome: `version ${event.version}`,
    }
  }
  const access = entry.entry.value
  const kind = RecordKind[access?.kind ?? 0]!.toLowerCase()
  const reason = access && access.reason !== Reason.UNSPECIFIED ? ` ${Reason[access.reason]}` : ''
  return {
    ...shared,
    what: access?.method ? `${kind} ${access.method}` : kind,
    who: access?.actor?.subject || access?.actor?.workload || '',
    on: access?.resourceId ?? '',
    outcome: `${Outcome[access?.outcome ?? 0]!.toLowerCase()}${reason}`,
  }
}
