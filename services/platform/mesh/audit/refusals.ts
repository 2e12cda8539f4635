import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { AccessRecord } from '../../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema, RecordKind } from '../../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Journal } from '../../journal/journal.js'
import type { ServiceName } from '../call.js'

/**
 * Repeated refusals of callers that no token speaks for: the first of a kind is recorded as any call, those that follow within the window are counted, and
 * one record tells how many they were. So nobody outside can fill the journal.
 */
export interface Refusals {
  /** Whether this refusal was counted here instead of being recorded by itself. `record` is made only for the first of its kind. */
  absorb(key: string, record: () => AccessRecord): boolean
  /** Writes what was counted. What finds no room stays counted. */
  flush(): Promise<void>
  /** Ends the timer and writes the rest. */
  close(): Promise<void>
}

export interface RefusalOptions {
  readonly service: ServiceName
  readonly journal: Journal
  readonly windowMs: number
  /** Kinds kept apart at once; beyond it all others count as one. */
  readonly maxKinds?: number
}

interface Kind {
  readonly template: AccessRecord
  count: number
}

const OVERFLOW = '*'

/** What many callers have in common, when there are too many kinds to keep apart. */
const anyone = (record: AccessRecord): AccessRecord =>
  create(AccessRecordSchema, {
    decisionId: record.decisionId,
    tenantId: record.tenantId,
    service: record.service,
    outcome: record.outcome,
    region: record.region,
  })

export const createRefusals = ({ service, journal, windowMs, maxKinds = 1_000 }: RefusalOptions): Refusals => {
  let kinds = new Map<string, Kind>()
  const write = async (kind: Kind): Promise<void> => {
    const room = journal.reserve(service)
    await journal.append(service, room, {
      ...kind.template,
      kind: RecordKind.REFUSALS,
      time: timestampFromMs(Date.now()),
      count: BigInt(kind.count),
    })
  }
  const flush = async () => {
    const counted = kinds
    kinds = new Map()
    for (const [key, kind] of counted) {
      if (kind.count === 0) continue
      try {
        await write(kind)
      } catch {
        // No room, or a failed flush: the count goes into the next record of its kind.
        const later = kinds.get(key)
        if (later === undefined) kinds.set(key, kind)
        else later.count += kind.count
      }
    }
  }
  const timer = setInterval(() => void flush(), windowMs)
  timer.unref()
  return {
    absorb(key, record) {
      const known = kinds.get(key)
      if (known !== undefined) {
        known.count++
        return true
      }
      if (kinds.size < maxKinds) {
        kinds.set(key, { template: record(), count: 0 })
        return false
      }
      const rest = kinds.get(OVERFLOW)
      if (rest === undefined) kinds.set(OVERFLOW, { template: anyone(record()), count: 1 })
      else rest.count++
      return true
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
