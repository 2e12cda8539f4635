import { FrameType, frame, jsonFrame } from './frame.js'
import type { JournalFiles, SegmentFile } from './segment-file.js'
import { segmentPath } from './segment-file.js'

/** A place in the journal: bytes of `segment` before `offset`. */
export interface Place {
  readonly segment: number
  readonly offset: number
}

export interface SegmentWriterOptions {
  readonly directory: string
  readonly files: JournalFiles
  readonly segmentBytes: number
  /** First segment to write. */
  readonly first: number
  /** Frames that each segment begins with after its own head: where the chains stand at that moment. */
  readonly beginning: () => Buffer[]
  readonly onAppend: (segment: number, bytes: number) => void
  readonly onFlush?: (flush: { records: number; bytes: number; seconds: number }) => void
  /** The disk refused a write: nothing is written any more. */
  readonly onFailure: (error: Error) => void
}

export interface SegmentWriter {
  /** Settles the place of a frame of `bytes`: begins the next segment if it does not fit, before the chain takes its step. */
  makeRoom(bytes: number): void
  /** Appends a frame; resolves when it is on disk. Frames keep their order. */
  append(bytes: Buffer): Promise<void>
  /** Bytes that can still be written for certain: what is left of this segment, and the next one if it is ready. */
  room(): number
  /** Whether the next segment could not be made (it is tried again every second). */
  readonly starved: boolean
  /** Everything before it is on disk. */
  flushed(): Place
  /** Waits for what was appended, cuts the last segment. */
  close(): Promise<void>
}

interface Item {
  readonly segment: number
  readonly bytes: Buffer
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const RETRY_MS = 1000

/**
 * Writes frames in groups: while one group is on its way to the disk the next gathers, so that a busy journal pays one flush for many records. The order
 * of frames, and the segment of each, are settled when they are appended.
 */
export const createSegmentWriter = (options: SegmentWriterOptions): SegmentWriter => {
  const { directory, files, segmentBytes, beginning, onAppend, onFlush, onFailure } = options
  let pending: Item[] = []
  /** Where the next frame goes. */
  let segment = options.first - 1
  let offset = segmentBytes + 1
  let current: { number: number; file: SegmentFile; at: number } | undefined
  let next: Promise<SegmentFile> | undefined
  let nextReady = false
  let starved = false
  let failure: Error | undefined
  let running: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  let place: Place = { segment: options.first, offset: 0 }
  let scratch = Buffer.allocUnsafe(1 << 18)

  const prepare = (number: number): void => {
    nextReady = false
    const made = files.create(segmentPath(directory, number), segmentBytes)
    next = made
    made.then(
      () => {
        starved = false
        nextReady = true
      },
      () => {
        starved = true
        if (failure || next !== made) return
        next = undefined
        retry = setTimeout(() => prepare(number), RETRY_MS)
        retry.unref()
      },
    )
  }

  const enter = async (number: number): Promise<void> => {
    if (current) {
      const { file, at } = current
      current = undefined
      // What is left of it is zeros: a reader finds its end also uncut.
      await file.finish(at).catch(() => undefined)
    }
    clearTimeout(retry)
    if (!next) prepare(number)
    const file = await next!
    current = { number, file, at: 0 }
    place = { segment: number, offset: 0 }
    prepare(number + 1)
  }

  const flushGroup = async (): Promise<void> => {
    const number = pending[0]!.segment
    if (current?.number !== number) await enter(number)
    let count = 0
    let bytes = 0
    while (count < pending.length && pending[count]!.segment === number) bytes += pending[count++]!.bytes.length
    const group = pending.splice(0, count)
    if (bytes > scratch.length) scratch = Buffer.allocUnsafe(bytes * 2)
    let at = 0
    for (const item of group) at += item.bytes.copy(scratch, at)
    const began = performance.now()
    try {
      await current!.file.write(scratch.subarray(0, bytes), current!.at)
    } catch (error) {
      pending = [...group, ...pending]
      throw error
    }
    current!.at += bytes
    place = { segment: number, offset: current!.at }
    onFlush?.({ records: count, bytes, seconds: (performance.now() - began) / 1000 })
    for (const item of group) item.resolve()
  }

  const drain = async (): Promise<void> => {
    // Calls that end in the same turn of the event loop share a flush.
    await new Promise(setImmediate)
    try {
      while (pending.length > 0) await flushGroup()
    } catch (error) {
      failure = error as Error
      clearTimeout(retry)
      onFailure(failure)
      for (const item of pending.splice(0)) item.reject(failure)
    } finally {
      running = undefined
    }
  }

  const append = (bytes: Buffer): Promise<void> => {
    if (failure) return Promise.reject(failure)
    const at = segment
    offset += bytes.length
    onAppend(at, bytes.length)
    const appended = new Promise<void>((resolve, reject) => pending.push({ segment: at, bytes, resolve, reject }))
    running ??= drain()
    return appended
  }

  const makeRoom = (bytes: number): void => {
    if (offset + bytes <= segmentBytes) return
    segment++
    offset = 0
    for (const bytes of [jsonFrame(FrameType.SEGMENT, { version: 1, segment }), ...beginning(), frame(FrameType.READY, Buffer.alloc(0))])
      append(bytes).catch(() => undefined)
  }

  return {
    makeRoom,
    append,
    room: () => Math.max(0, segmentBytes - offset) + (nextReady && current?.number === segment ? segmentBytes : 0),
    get starved() {
      return starved
    },
    flushed: () => place,
    close: async () => {
      await running
      clearTimeout(retry)
      if (current && !failure) await current.file.finish(current.at).catch(() => undefined)
      const spare = await next?.catch(() => undefined)
      if (spare) await spare.finish(0).catch(() => undefined)
    },
  }
}
