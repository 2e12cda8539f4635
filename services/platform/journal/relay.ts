import { fromBinary } from '@bufbuild/protobuf'
import type { FileHandle } from 'node:fs/promises'
import { open, unlink } from 'node:fs/promises'
import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import { FrameType, scan } from './frame.js'
import { writePosition } from './position.js'
import { segmentPath } from './segment-file.js'
import type { Place } from './segment-writer.js'

export interface RelayOptions {
  readonly directory: string
  /** Where to go on. */
  readonly from: Place
  /** Segments there, ascending: the rest of the earlier ones is sent whole. */
  readonly segments: () => readonly number[]
  /** Nothing behind it is sent. */
  readonly flushed: () => Place
  /** Resolves when the messages are durable. */
  readonly produce: (messages: Message[]) => Promise<void>
  /** The message of a record; the same for the same bytes. */
  readonly toMessage: (bytes: Uint8Array, record: AccessRecord) => Message
  readonly intervalMs: number
  /** So many more records were acknowledged; nothing before the place is needed any more. */
  readonly onRelayed: (records: number, place: Place) => void
  readonly onError: (error: unknown) => void
  /** Bytes of a segment that are no frames: what stood there is lost, and shows as a gap. */
  readonly onDamage: (segment: number, offset: number, bytes: number) => void
}

export interface Relay {
  /** Sends everything that is flushed, then stops; at the latest when the time is over. Answers whether nothing is left. */
  close(timeoutMs: number): Promise<boolean>
}

const BATCH_BYTES = 1 << 18
const MAX_BACKOFF_MS = 5000

/** Sends flushed records in their order, in the background. A segment is removed when all of it was acknowledged; failures are repeated, never skipped. */
export const startRelay = (options: RelayOptions): Relay => {
  const { directory, produce, toMessage, intervalMs, onRelayed, onError, onDamage } = options
  let place = options.from
  let reader: { segment: number; handle: FileHandle } | undefined
  let chunk = Buffer.allocUnsafe(BATCH_BYTES)
  let closing = false
  let stopped = false
  let wake: (() => void) | undefined

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const read = async (end: number, want: number): Promise<Buffer> => {
    if (reader?.segment !== place.segment) {
      await reader?.handle.close()
      reader = undefined
      reader = { segment: place.segment, handle: await open(segmentPath(directory, place.segment), 'r') }
    }
    if (want > chunk.length) chunk = Buffer.allocUnsafe(want)
    const length = Math.min(want, end - place.offset)
    const { bytesRead } = await reader.handle.read(chunk, 0, length, place.offset)
    return chunk.subarray(0, bytesRead)
  }

  /** Leaves a segment that is sent to its end. */
  const leave = async (next: number): Promise<void> => {
    const done = place.segment
    place = { segment: next, offset: 0 }
    await writePosition(directory, place)
    await reader?.handle.close()
    reader = undefined
    await unlink(segmentPath(directory, done)).catch(() => undefined)
    onRelayed(0, place)
  }

  /** One batch; answers whether there may be more at once. */
  const step = async (): Promise<boolean> => {
    const flushed = options.flushed()
    const all = options.segments()
    const segment = all.find((number) => number >= place.segment) ?? flushed.segment
    if (segment !== place.segment) place = { segment, offset: 0 }
    const last = segment >= flushed.segment
    const end = last ? flushed.offset : Infinity
    if (last && place.offset >= end) return false
    let bytes = await read(end, BATCH_BYTES)
    const messages: Message[] = []
    const take = (type: number, body: Buffer): void => {
      if (type !== FrameType.RECORD) return
      // The chunk is filled anew while a message may still be on its way.
      const own = Uint8Array.from(body)
      messages.push(toMessage(own, fromBinary(AccessRecordSchema, own)))
    }
    let found = scan(bytes, 0, take)
    if (found.why === 'partial' && found.at === 0 && found.needs > bytes.length && bytes.length === BATCH_BYTES) {
      bytes = await read(end, found.needs)
      found = scan(bytes, 0, take)
    }
    if (found.at === 0) {
      if (found.why !== 'end') onDamage(segment, place.offset, bytes.length)
      if (last) throw new Error(`journal segment ${segment} ends at ${place.offset}, before what was flushed`)
      await leave(all.find((number) => number > segment) ?? flushed.segment)
      return true
    }
    if (messages.length > 0) await produce(messages)
    // Too late to tell: the directory may be another process's by now, and will be sent again from the last position.
    if (stopped) return false
    place = { segment, offset: place.offset + found.at }
    await writePosition(directory, place)
    onRelayed(messages.length, place)
    return true
  }

  const run = async (): Promise<void> => {
    let failures = 0
    while (!stopped) {
      try {
        const more = await step()
        failures = 0
        if (more) continue
        if (closing) return
        await pause(intervalMs)
      } catch (error) {
        onError(error)
        const backoff = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures++, 10))
        await pause(closing ? Math.min(backoff, 100) : backoff * (0.5 + Math.random() / 2))
      }
    }
  }
  const running = run()

  return {
    close: async (timeoutMs) => {
      closing = true
      wake?.()
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs)
      })
      await Promise.race([running, late])
      clearTimeout(timer)
      stopped = true
      wake?.()
      const flushed = options.flushed()
      await reader?.handle.close().catch(() => undefined)
      return place.segment > flushed.segment || (place.segment === flushed.segment && place.offset >= flushed.offset)
    },
  }
}
