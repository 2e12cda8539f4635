import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import type { Record as Stored } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { RecordSchema, RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Context } from '../context.js'
import { UsageError } from '../usage-error.js'
import { findCollection } from './collection.js'
import { importCommand } from './import.js'

/** Cells of a table past this many characters are cut. */
const CELL = 40

const row = (record: Stored, names: readonly string[]): Record<string, string> => ({
  id: record.recordId,
  ...Object.fromEntries(names.map((name) => [name, cell(record.fields?.[name])])),
})

const cell = (value: JsonValue | undefined): string => {
  const text = value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > CELL ? `${text.slice(0, CELL - 1)}…` : text
}

/** `name=value` pairs; a value that is JSON is taken as such. */
export const parseFields = (pairs: readonly string[], json: string | undefined): JsonObject => {
  const fields: JsonObject = {}
  if (json !== undefined) {
    const parsed = parseJson(json)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new UsageError('--fields: must be a JSON object')
    Object.assign(fields, parsed)
  }
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw new UsageError(`${pair}: fields are given as name=value`)
    const text = pair.slice(at + 1)
    fields[pair.slice(0, at)] = /^(-?\d|true$|false$|null$|[[{"])/.test(text) ? (tryJson(text) ?? text) : text
  }
  return fields
}

const tryJson = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

const parseJson = (text: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw new UsageError('--fields: is not JSON')
  }
}

export const recordCommand = (program: Command, context: () => Context): void => {
  const command = program.command('record').description('records of a collection')
  const client = () => context().session().edge.client(RecordService)

  command
    .command('put <collection> [pairs...]')
    .description('store a record: name=value ...; with --id one that is there is changed')
    .option('--id <id>', "the record's id (default: made by the platform)", '')
    .option('--fields <json>', 'the fields as a JSON object')
    .action(async (named: string, pairs: string[], options: { id: string; fields?: string }) => {
      const ctx = context()
      const { tenantId, collectionId } = await findCollection(ctx, named)
      const fields = parseFields(pairs, options.fields)
      const record = await put(ctx, { tenantId, collectionId, recordId: options.id, fields })
      ctx.out.message(RecordSchema, record, `record ${record.recordId} at version ${record.version}`)
    })

  command.command('get <collection> <id>').action(async (named: string, recordId: string) => {
    const ctx = context()
    const { tenantId, collectionId } = await findCollection(ctx, named)
    const { record } = await client().getRecord({ tenantId, collectionId, recordId })
    ctx.out.message(RecordSchema, record!, JSON.stringify(record!.fields, null, 2))
  })

  command.command('delete <collection> <id>').action(async (named: string, recordId: string) => {
    const ctx = context()
    const { tenantId, collectionId } = await findCollection(ctx, named)
    await client().deleteRecord({ tenantId, collectionId, recordId })
    ctx.out.object({ record_id: recordId, deleted: true }, `${recordId} deleted`)
  })

  command
    .command('list <collection>')
    .option('--filter <filter>', 'as in: fields.country = "Brazil" AND fields.total > 5', '')
    .option('--order <order>', 'as in: fields.total desc', '')
    .option('--limit <n>', 'at most so many', (text) => Number.parseInt(text, 10), 50)
    .action(async (named: string, options: { filter: string; order: string; limit: number }) => {
      const ctx = context()
      const collection = await findCollection(ctx, named)
      const names = collection.fields.slice(0, 5).map((field) => field.name)
      const rows = []
      let [pageToken, left] = ['', options.limit]
      do {
        const page = await client().listRecords({
          tenantId: collection.tenantId,
          collectionId: collection.collectionId,
          filter: options.filter,
          orderBy: options.order,
          pageToken,
          pageSize: Math.min(left, 200),
        })
        for (const record of page.records) {
          if (ctx.out.json) ctx.out.message(RecordSchema, record, '')
          else rows.push(row(record, names))
        }
        left -= page.records.length
        pageToken = page.nextPageToken
      } while (pageToken !== '' && left > 0)
      ctx.out.table(rows)
    })

  command
    .command('export <collection>')
    .description('every record that one may see, as JSON lines')
    .option('--filter <filter>', '', '')
    .action(async (named: string, options: { filter: string }) => {
      const ctx = context()
      const { tenantId, collectionId } = await findCollection(ctx, named)
      for await (const { records } of client().exportRecords({ tenantId, collectionId, filter: options.filter })) {
        for (const record of records)
          ctx.out.object(
            { record_id: record.recordId, fields: record.fields },
            JSON.stringify({ record_id: record.recordId, fields: record.fields }),
          )
      }
    })

  importCommand(command, context)
}

/** Creates the record, or changes the one that has the id. */
const put = async (
  ctx: Context,
  record: { tenantId: string; collectionId: string; recordId: string; fields: JsonObject },
): Promise<Stored> => {
  const client = ctx.session().edge.client(RecordService)
  try {
    return (await client.createRecord(record)).record!
  } catch (error) {
    if (record.recordId === '' || (error as { reason?: string }).reason !== 'ALREADY_EXISTS') throw error
    const paths = Object.keys(record.fields).map((name) => `fields.${name}`)
    return (await client.updateRecord({ ...record, updateMask: { paths } })).record!
  }
}
