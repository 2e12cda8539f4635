import type { ImportRecord, RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import type { Call } from '../../platform/mesh/call.js'
import { AppError, invalidField } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { DataService } from '../deps.js'
import { storeBatch } from '../import-batch.js'

/** Records that one transaction stores. */
const BATCH = 500
/** Bytes of a batch's messages, about: what an import holds in memory. */
const BATCH_BYTES = 4_194_304

/**
 * Stores a stream of records in batches, each its own transaction, recorded before the next is read. What was committed stays when a later record
 * is refused: the error's metadata says how many there are, and its paths count records from the start of the stream.
 */
export const importRecords =
  (service: DataService): Rpc<typeof RecordService.method.importRecords> =>
  async (requests, call) => {
    let first: { collectionId: string; skip: boolean } | undefined
    let batch: ImportRecord[] = []
    let bytes = 0
    let read = 0
    const counts = { created: 0, skipped: 0 }

    const store = async (): Promise<void> => {
      if (batch.length === 0) return
      const result = await storeBatch(service, call, { ...first!, records: batch, from: read - batch.length })
      await call.progress()
      counts.created += result.created
      counts.skipped += result.skipped
      batch = []
      bytes = 0
    }

    try {
      for await (const request of requests) {
        if (first === undefined) {
          if (request.collectionId === '') throw invalidField('collection_id', 'is required in the first message')
          first = { collectionId: request.collectionId, skip: request.skipExisting }
        } else if (isOther(request.collectionId, first.collectionId) || isOther(request.tenantId, call.tenant))
          throw new AppError('PATH_CHANGED_IN_STREAM', 'tenant_id and collection_id must stay those of the first message')
        for (const record of request.records) {
          batch.push(record)
          read += 1
          bytes += weigh(record)
          if (batch.length >= BATCH || bytes >= BATCH_BYTES) await store()
        }
      }
      if (first === undefined) throw invalidField('collection_id', 'is required in the first message')
      await checkCollection(service, call, first.collectionId, read)
      await store()
    } catch (error) {
      throw error instanceof AppError ? withCounts(error, counts) : error
    }
    return { created: BigInt(counts.created), skipped: BigInt(counts.skipped) }
  }

/** An import of no record still says whether its collection is there. */
const checkCollection = ({ collections }: DataService, call: Call, collectionId: string, read: number): Promise<unknown> | undefined =>
  read === 0 ? collections.using(call, collectionId, () => undefined) : undefined

const isOther = (given: string, first: string): boolean => given !== '' && given !== first

const weigh = (record: ImportRecord): number => 64 + Buffer.byteLength(JSON.stringify(record.fields ?? {}))

const withCounts = (error: AppError, { created, skipped }: { created: number; skipped: number }): AppError =>
  new AppError(error.reason, error.message, {
    metadata: { ...error.metadata, created: String(created), skipped: String(skipped) },
    violations: error.violations,
    cause: error.cause ?? error,
  })
