import { fromBinary } from '@bufbuild/protobuf'
import { readFile, truncate, unlink } from 'node:fs/promises'
import { AccessRecordSchema, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Epoch } from './epoch.js'
import { sha256 } from './epoch.js'
import type { ChainHeads, EpochHead, LastEpochs } from './frame.js'
import { FrameType, scan } from './frame.js'
import { listSegments, segmentPath, syncDirectory } from './segment-file.js'

/** Bytes at the end of a segment's data that are no whole frame: a write that a crash cut short (or damage, if a later segment follows). */
export interface Torn {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

/** What a directory holds of earlier runs. */
export interface Recovered {
  readonly segments: readonly { readonly number: number; readonly bytes: number }[]
  readonly nextSegment: number
  /** Epochs that never ended. */
  readonly open: readonly Epoch[]
  /** The last epoch of each instance. */
  readonly last: ReadonlyMap<string, Uint8Array>
  readonly torn: readonly Torn[]
}

/**
 * Reads a directory's segments: cuts torn tails and unused zeros, removes empty segments, and restores the open epochs with their chains. Heads of chains
 * are taken from the beginning of the last segment that has a whole one, and the records after it.
 */
export const recover = async (directory: string): Promise<Recovered> => {
  const segments: { number: number; bytes: number }[] = []
  const torn: Torn[] = []
  const contents = new Map<number, Buffer>()
  const numbers = await listSegments(directory)
  let start = 0
  for (const number of numbers) {
    const path = segmentPath(directory, number)
    const bytes = await readFile(path)
    let ready = false
    const { at } = scan(bytes, 0, (type) => {
      ready ||= type === FrameType.READY
    })
    const rest = trimmed(bytes, at)
    if (rest > at) torn.push({ segment: number, offset: at, bytes: rest - at })
    if (at === 0) await unlink(path)
    else {
      if (at < bytes.length) await truncate(path, at)
      segments.push({ number, bytes: at })
      // Only what stands behind the last whole beginning is read again.
      if (ready) contents.clear()
      if (ready) start = number
      if (number >= start) contents.set(number, bytes.subarray(0, at))
    }
  }
  if (numbers.length > 0) await syncDirectory(directory)
  return { segments, nextSegment: (numbers.at(-1) ?? 0) + 1, torn, ...replay(contents.values()) }
}

/** End of the bytes that are not zero. */
const trimmed = (bytes: Buffer, from: number): number => {
  let end = bytes.length
  while (end > from && bytes[end - 1] === 0) end--
  return end
}

const replay = (contents: Iterable<Buffer>): Pick<Recovered, 'open' | 'last'> => {
  const epochs = new Map<string, Epoch>()
  const last = new Map<string, Uint8Array>()
  const visit = (type: number, body: Buffer): void => {
    if (type === FrameType.EPOCH) {
      const head = JSON.parse(body.toString()) as EpochHead
      const id = Buffer.from(head.epoch, 'hex')
      last.set(head.instance, id)
      if (epochs.has(head.epoch)) return
      epochs.set(head.epoch, { ...head, id, previous: Buffer.from(head.previous, 'hex'), chains: new Map() })
    } else if (type === FrameType.LAST) {
      const epochs = JSON.parse(body.toString()) as LastEpochs
      for (const [instance, epoch] of Object.entries(epochs)) last.set(instance, Buffer.from(epoch, 'hex'))
    } else if (type === FrameType.HEADS) {
      const { epoch, heads } = JSON.parse(body.toString()) as ChainHeads
      for (const [tenant, sequence, head] of heads) epochs.get(epoch)?.chains.set(tenant, { sequence, head: Buffer.from(head, 'hex') })
    } else if (type === FrameType.RECORD) {
      const record = fromBinary(AccessRecordSchema, body)
      const name = Buffer.from(record.epoch).toString('hex')
      if (record.kind === RecordKind.EPOCH_END) epochs.delete(name)
      else epochs.get(name)?.chains.set(record.tenantId, { sequence: Number(record.sequence), head: sha256(body) })
    }
  }
  for (const bytes of contents) scan(bytes, 0, visit)
  return { open: [...epochs.values()], last }
}
