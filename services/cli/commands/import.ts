import type { Command } from 'commander'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Context } from '../context.js'
import type { CsvRow } from '../csv.js'
import { readCsv, sizeOf } from '../csv.js'
import { bytes } from '../progress.js'
import { UsageError } from '../usage-error.js'
import { findCollection } from './collection.js'

/** Rows of one stream: what its answer acknowledges. */
const BATCH = 200

interface Options {
  idColumn?: string
  idPrefix: string
}

export const importCommand = (record: Command, context: () => Context): void => {
  record
    .command('import <collection> <csv>')
    .description('store the rows of a CSV file; rows that are there already are skipped')
    .option('--id-column <column>', 'the column that names a record (default: a digest of the row)')
    .option('--id-prefix <prefix>', 'put before the value of the column', '')
    .action(async (named: string, path: string, options: Options) => {
      const ctx = context()
      const { collectionId, tenantId, fields } = await findCollection(ctx, named)
      const client = ctx.session().edge.client(RecordService)
      const bar = bytes(fileSize(path), ctx.out.json)
      const total = { rows: 0, created: 0, skipped: 0 }
      try {
        for await (const rows of batches(readCsv(path, fields, options.idColumn, options.idPrefix))) {
          const records = rows.map(({ recordId, fields }) => ({ recordId, fields }))
          const answer = await client.importRecords(single({ tenantId, collectionId, records, skipExisting: true }))
          total.rows += rows.length
          total.created += Number(answer.created)
          total.skipped += Number(answer.skipped)
          bar.update(rows[rows.length - 1]!.bytes)
          if (ctx.out.json)
            ctx.out.object(
              { acknowledged: rows.map((row) => row.recordId), created: Number(answer.created), skipped: Number(answer.skipped) },
              '',
            )
        }
      } finally {
        bar.stop()
      }
      ctx.out.object(total, `${total.rows} rows: ${total.created} created, ${total.skipped} there already`)
    })
}

async function* single<T>(message: T): AsyncGenerator<T> {
  yield message
}

async function* batches(rows: AsyncIterable<CsvRow>): AsyncGenerator<CsvRow[]> {
  let batch: CsvRow[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length === BATCH) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

const fileSize = (path: string): number => {
  try {
    return sizeOf(path)
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}
