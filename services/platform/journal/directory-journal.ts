import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import type { Epoch } from './epoch.js'
import { advance, beginEpoch, endOfEpoch, epochFrames, number } from './epoch.js'
import { FrameType, frame, jsonFrame } from './frame.js'
import type { InstanceDirectory } from './instance-directory.js'
import { markClean, markInUse } from './instance-directory.js'
import type { DraftRecord } from './journal.js'
import { readPosition } from './position.js'
import { recover } from './recover.js'
import { startRelay } from './relay.js'
import type { JournalFiles } from './segment-file.js'
import { createSegmentWriter } from './segment-writer.js'

/** What happened to a journal that someone should know of. Never holds anything of a record. */
export type JournalEvent =
  | {
      readonly kind: 'torn' | 'damaged'
      readonly directory: string
      readonly segment: number
      readonly offset: number
      readonly bytes: number
    }
  | { readonly kind: 'unclean'; readonly directory: string; readonly instance: string; readonly epoch: string }
  | { readonly kind: 'adopted'; readonly directory: string; readonly complete: boolean }
  | { readonly kind: 'write-failed' | 'relay-failed' | 'adoption-failed'; readonly directory: string; readonly error: unknown }

export interface JournalObserver {
  flushed?(flush: { records: number; bytes: number; seconds: number }): void
  relayed?(records: number): void
  unrelayed?(bytes: number): void
  event?(event: JournalEvent): void
}

export interface DirectoryJournalOptions {
  readonly region: string
  /** Log key of a tenant, see `logKeys`. */
  readonly logKey: (tenantId: string) => Uint8Array
  /** Resolves when the messages are durable in topic `access`. */
  readonly produce: (messages: Message[]) => Promise<void>
  /** The message that carries a record; the same for the same bytes. */
  readonly toMessage: (bytes: Uint8Array, record: AccessRecord) => Message
  readonly files: JournalFiles
  readonly segmentBytes: number
  readonly epochMs: number
  readonly relayIntervalMs: number
  /** Unix milliseconds. */
  readonly now: () => number
  readonly observe: JournalObserver
}

export interface DirectoryJournal {
  /** Numbers and appends; resolves when it is on disk. */
  append(service: string, record: DraftRecord): Promise<void>
  readonly unrelayed: number
  /** Bytes that can be written for certain while the disk gives no more. Infinity while it does. */
  readonly room: number
  readonly healthy: boolean
  /** Ends the epochs, sends what is left, releases the directory; answers whether nothing is left to do. */
  close(timeoutMs: number): Promise<boolean>
}

/** Of a segment's bytes, how many the heads of open chains may take (about 128 each) before epochs end early. */
const HEADS_SHARE = 2
const HEAD_BYTES = 128
const CHECK_MS = 10_000

/**
 * Opens a claimed directory: declares the ends of epochs that earlier runs left open, begins one for each of `services` (none for a directory that is only
 * brought to its end), and sends what was not sent.
 */
export const openDirectoryJournal = async (
  directory: InstanceDirectory,
  services: readonly string[],
  options: DirectoryJournalOptions,
): Promise<DirectoryJournal> => {
  const { region, logKey, segmentBytes, epochMs, now, observe } = options
  const path = directory.path
  const recovered = await recover(path)
  await markInUse(directory)
  for (const torn of recovered.torn) observe.event?.({ kind: 'torn', directory: path, ...torn })

  const sizes = new Map(recovered.segments.map(({ number, bytes }) => [number, bytes]))
  let from = await readPosition(path)
  let unrelayed = 0
  let healthy = true
  const count = (): void => {
    unrelayed = 0
    for (const [segment, bytes] of sizes)
      if (segment < from.segment) sizes.delete(segment)
      else unrelayed += segment === from.segment ? Math.max(0, bytes - from.offset) : bytes
    observe.unrelayed?.(unrelayed)
  }

  const epochs = new Map<string, Epoch>()
  const begin = (service: string, previous: Uint8Array): Epoch => {
    const epoch = beginEpoch(`${service}-${directory.id}`, service, previous, now())
    epochs.set(service, epoch)
    return epoch
  }
  for (const service of services) begin(service, recovered.last.get(`${service}-${directory.id}`) ?? new Uint8Array())

  const ends = recovered.open.map((epoch) => {
    observe.event?.({ kind: 'unclean', directory: path, instance: epoch.instance, epoch: Buffer.from(epoch.id).toString('hex') })
    return frame(FrameType.RECORD, number(epoch, endOfEpoch(epoch, { clean: false, region, now: now(), logKey })).bytes)
  })
  const lastEpochs = [...recovered.last].map(([instance, epoch]) => [instance, Buffer.from(epoch).toString('hex')] as const)
  const last = jsonFrame(FrameType.LAST, Object.fromEntries(lastEpochs))
  const writer = createSegmentWriter({
    directory: path,
    files: options.files,
    segmentBytes,
    first: recovered.nextSegment,
    // Ends of earlier epochs stand in the first beginning: a start that dies before it is whole is as if it never was.
    beginning: () => [last, ...[...epochs.values()].flatMap(epochFrames), ...ends.splice(0)],
    onAppend: (segment, bytes) => {
      sizes.set(segment, (sizes.get(segment) ?? 0) + bytes)
      unrelayed += bytes
    },
    onFlush: observe.flushed?.bind(observe),
    onFailure: (error) => {
      healthy = false
      observe.event?.({ kind: 'write-failed', directory: path, error })
    },
  })
  count()

  const put = (epoch: Epoch, draft: DraftRecord): Promise<void> => {
    const numbered = number(epoch, draft)
    const bytes = frame(FrameType.RECORD, numbered.bytes)
    if (bytes.length > segmentBytes / 4) throw new RangeError('access record too large for the journal')
    writer.makeRoom(bytes.length)
    advance(epoch, numbered)
    return writer.append(bytes)
  }
  const end = (epoch: Epoch): Promise<void> => put(epoch, endOfEpoch(epoch, { clean: true, region, now: now(), logKey }))

  const maxChains = segmentBytes / HEADS_SHARE / HEAD_BYTES / Math.max(1, services.length)
  const over = (epoch: Epoch): boolean => {
    const age = now() - epoch.started
    return age >= epochMs || age < 0 || epoch.chains.size >= maxChains
  }
  const next = (epoch: Epoch): Epoch => {
    end(epoch).catch(() => undefined)
    const begun = begin(epoch.service, epoch.id)
    const frames = epochFrames(begun)
    writer.makeRoom(frames.reduce((sum, { length }) => sum + length, 0))
    for (const bytes of frames) writer.append(bytes).catch(() => undefined)
    return begun
  }

  writer.makeRoom(0)
  try {
    // An empty append resolves with the beginning: what it says of earlier runs must stand before their segments may go.
    await writer.append(Buffer.alloc(0))
  } catch (error) {
    await writer.close()
    await directory.lock.release(path)
    throw error
  }
  const relay = startRelay({
    directory: path,
    from,
    segments: () => [...sizes.keys()],
    flushed: writer.flushed,
    produce: options.produce,
    toMessage: options.toMessage,
    intervalMs: options.relayIntervalMs,
    onRelayed: (records, place) => {
      from = place
      count()
      if (records > 0) observe.relayed?.(records)
    },
    onError: (error) => observe.event?.({ kind: 'relay-failed', directory: path, error }),
    onDamage: (segment, offset, bytes) => observe.event?.({ kind: 'damaged', directory: path, segment, offset, bytes }),
  })
  const timer = setInterval(
    () => {
      if (healthy) for (const epoch of [...epochs.values()]) if (over(epoch)) next(epoch)
    },
    Math.min(epochMs, CHECK_MS),
  )
  timer.unref()

  return {
    append: (service, draft) => {
      const epoch = epochs.get(service)
      if (!epoch) throw new RangeError(`no service ${service} in this journal`)
      return put(over(epoch) ? next(epoch) : epoch, draft)
    },
    get unrelayed() {
      return unrelayed
    },
    get room() {
      return writer.starved ? writer.room() : Infinity
    },
    get healthy() {
      return healthy
    },
    close: async (timeoutMs) => {
      clearInterval(timer)
      const ended = healthy ? [...epochs.values()].map(end) : []
      epochs.clear()
      await Promise.allSettled(ended)
      const sent = await relay.close(timeoutMs)
      await writer.close()
      if (sent && healthy) await markClean(directory)
      await directory.lock.release(path)
      return sent && healthy
    },
  }
}
