import { crc32c } from './crc32c.js'

/** What a frame of a segment holds: its first payload byte. */
export const FrameType = {
  /** JSON `SegmentHead`: the first frame of each segment. */
  SEGMENT: 1,
  /** JSON `EpochHead`: an epoch began here, or was open when the segment began. */
  EPOCH: 2,
  /** JSON `ChainHeads`: where chains of an epoch stood when the segment began. */
  HEADS: 3,
  /** Empty: the segment's beginning is complete. */
  READY: 4,
  /** A serialized AccessRecord. */
  RECORD: 5,
  /** JSON `LastEpochs`: of instances, from before this run of the process. */
  LAST: 6,
} as const

export interface SegmentHead {
  readonly version: 1
  readonly segment: number
}

export interface EpochHead {
  readonly instance: string
  readonly service: string
  /** Hex. */
  readonly epoch: string
  readonly previous: string
  /** Unix milliseconds. */
  readonly started: number
}

/** Epoch in hex, by instance. */
export type LastEpochs = Readonly<Record<string, string>>

export interface ChainHeads {
  readonly epoch: string
  /** Tenant, last sequence, head in hex. */
  readonly heads: readonly (readonly [string, number, string])[]
}

/** Before each payload: its length (u32) and CRC-32C (u32), little-endian. A length of zero is the end: segments are written with zeros first. */
export const FRAME_HEAD = 8
/** Longer ones are damage. */
export const MAX_PAYLOAD = 1 << 20

/** One frame, ready to write. */
export const frame = (type: number, body: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + 1 + body.length)
  bytes.writeUInt32LE(1 + body.length, 0)
  bytes[FRAME_HEAD] = type
  bytes.set(body, FRAME_HEAD + 1)
  bytes.writeUInt32LE(crc32c(bytes, FRAME_HEAD), 4)
  return bytes
}

export const jsonFrame = (type: number, body: SegmentHead | EpochHead | ChainHeads | LastEpochs): Buffer =>
  frame(type, Buffer.from(JSON.stringify(body)))

/**
 * Reads whole frames from `start`; `visit` gets type, body (a view) and the offset after the frame, and stops the scan by answering false. Answers
 * where it stopped, and why: `end` (a zero length, or no bytes left), `partial` (the last frame goes on beyond the bytes: `needs` is how many it takes),
 * `damaged` or `stopped`.
 */
export const scan = (
  bytes: Buffer,
  start: number,
  visit: (type: number, body: Buffer, after: number) => boolean | void,
): { at: number; why: 'end' | 'partial' | 'damaged' | 'stopped'; needs: number } => {
  let at = start
  while (at < bytes.length) {
    if (at + FRAME_HEAD > bytes.length)
      return { at, why: bytes.subarray(at).every((byte) => byte === 0) ? 'end' : 'partial', needs: FRAME_HEAD }
    const length = bytes.readUInt32LE(at)
    if (length === 0) return { at, why: bytes.readUInt32LE(at + 4) === 0 ? 'end' : 'damaged', needs: 0 }
    if (length > MAX_PAYLOAD) return { at, why: 'damaged', needs: 0 }
    const after = at + FRAME_HEAD + length
    if (after > bytes.length) return { at, why: 'partial', needs: FRAME_HEAD + length }
    if (crc32c(bytes, at + FRAME_HEAD, after) !== bytes.readUInt32LE(at + 4)) return { at, why: 'damaged', needs: 0 }
    const go = visit(bytes[at + FRAME_HEAD]!, bytes.subarray(at + FRAME_HEAD + 1, after), after)
    at = after
    if (go === false) return { at, why: 'stopped', needs: 0 }
  }
  return { at, why: 'end', needs: 0 }
}
