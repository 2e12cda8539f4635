import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { ServiceName } from '../mesh/call.js'

/** An access record before it is numbered: the journal gives instance, epoch, sequence and previous. */
export type DraftRecord = Omit<AccessRecord, 'instance' | 'epoch' | 'sequence' | 'previous'>

/** Room for one record, taken before the handler runs. Used once, by append or release. */
export interface Reservation {
  readonly bytes: number
}

/**
 * The durable local journal of access records: one per OS process, one instance per service in it. Append-only, group-committed, chained and
 * numbered per (instance, epoch, tenant), relayed to topic `access`.
 */
export interface Journal {
  /** Throws AppError JOURNAL_UNAVAILABLE when there is no room or the disk refused. */
  reserve(service: ServiceName): Reservation
  /** Numbers and appends the record; resolves when it is on disk. Throws AppError OUTCOME_UNKNOWN when the flush failed. */
  append(service: ServiceName, reservation: Reservation, record: DraftRecord): Promise<void>
  release(reservation: Reservation): void
  /** False once a flush failed: the process leaves rotation. */
  readonly healthy: boolean
  /** Ends the epochs, relays to the end (bounded by `timeoutMs`), closes. */
  close(timeoutMs?: number): Promise<void>
}
