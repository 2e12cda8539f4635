import { AppError } from '../mesh/errors.js'
import type { ServiceName } from '../mesh/call.js'
import type { DirectoryJournalOptions, JournalObserver } from './directory-journal.js'
import { openDirectoryJournal } from './directory-journal.js'
import { claimDirectory, claimOrphans } from './instance-directory.js'
import type { Journal, Reservation } from './journal.js'
import { journalFiles } from './segment-file.js'

export interface JournalOptions extends Pick<DirectoryJournalOptions, 'region' | 'logKey' | 'produce' | 'toMessage'> {
  /** The journal's directory, as `<state directory>/journal`: each process has one of its own in it. */
  readonly directory: string
  /** The services of this process. */
  readonly services: readonly ServiceName[]
  /** TENANTRY_JOURNAL_MAX_BYTES: unsent and reserved bytes at most. */
  readonly maxBytes?: number
  readonly segmentBytes?: number
  /** Longest time of an epoch. */
  readonly epochMs?: number
  readonly relayIntervalMs?: number
  /** How long other processes have, from our start, to claim their directories before we bring those to their end. */
  readonly adoptAfterMs?: number
  readonly adoptEveryMs?: number
  readonly observe?: JournalObserver
  readonly files?: DirectoryJournalOptions['files']
  readonly now?: () => number
}

/** What a reservation counts for: a record's clear part takes 32 KiB at most, its sealed parts and frame the rest. */
export const RESERVED_BYTES = 40 * 1024
const MIB = 1 << 20
const ADOPTION_MS = 5000

interface Held extends Reservation {
  spent: boolean
}

/** Opens the journal of this process (decisions 24-26). Throws when its directory cannot be written: without a journal there is no service. */
export const openJournal = async (options: JournalOptions): Promise<Journal> => {
  const { maxBytes = 1024 * MIB, observe = {} } = options
  const inner: DirectoryJournalOptions = {
    ...options,
    files: options.files ?? journalFiles,
    segmentBytes: options.segmentBytes ?? Math.min(4 * MIB, Math.max(MIB / 4, maxBytes / 4)),
    epochMs: options.epochMs ?? 3_600_000,
    relayIntervalMs: options.relayIntervalMs ?? 20,
    now: options.now ?? Date.now,
    observe,
  }
  const own = await openDirectoryJournal(await claimDirectory(options.directory, options.services), options.services, inner)
  let reserved = 0
  let closing: Promise<void> | undefined
  let adopting: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const adopt = async (): Promise<void> => {
    for (const orphan of await claimOrphans(options.directory)) {
      // Its unsent bytes are not ours: they lie there already.
      const journal = await openDirectoryJournal(orphan, [], { ...inner, observe: { event: observe.event?.bind(observe) } })
      observe.event?.({ kind: 'adopted', directory: orphan.path, complete: await journal.close(ADOPTION_MS) })
    }
  }
  const adoptLater = (ms: number): void => {
    timer = setTimeout(() => {
      adopting = adopt()
        .catch((error: unknown) => observe.event?.({ kind: 'adoption-failed', directory: options.directory, error }))
        .finally(() => {
          adopting = undefined
          if (!closing) adoptLater(options.adoptEveryMs ?? 60_000)
        })
    }, ms)
    timer.unref()
  }
  adoptLater(options.adoptAfterMs ?? 30_000)

  const release = (reservation: Reservation): void => {
    const held = reservation as Held
    if (held.spent) return
    held.spent = true
    reserved -= held.bytes
  }
  const unknown = (cause: unknown): AppError =>
    new AppError('OUTCOME_UNKNOWN', 'the record of this call may be lost; repeat the request_id to learn its outcome', { cause })

  return {
    reserve: () => {
      if (closing) throw new AppError('SHUTTING_DOWN', 'the service is shutting down')
      const fits = own.unrelayed + reserved + RESERVED_BYTES <= maxBytes && reserved + RESERVED_BYTES <= own.room
      if (!own.healthy || !fits) throw new AppError('JOURNAL_UNAVAILABLE', 'access records cannot be written; nothing was done')
      reserved += RESERVED_BYTES
      const held: Held = { bytes: RESERVED_BYTES, spent: false }
      return held
    },
    append: async (service, reservation, record) => {
      release(reservation)
      try {
        await own.append(service, record)
      } catch (error) {
        throw unknown(error)
      }
    },
    release,
    get healthy() {
      return own.healthy
    },
    close: (timeoutMs = 10_000) => {
      closing ??= (async () => {
        clearTimeout(timer)
        await own.close(timeoutMs)
        await adopting
      })()
      return closing
    },
  }
}
