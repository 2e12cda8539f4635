import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { hash } from 'node:crypto'
import { AccessRecordSchema, Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { PLATFORM_TENANT, random16, uuid7 } from '../ids.js'
import { encodeRecord } from './encode-record.js'
import type { ChainHeads, EpochHead } from './frame.js'
import { FrameType, jsonFrame } from './frame.js'
import type { DraftRecord } from './journal.js'
import { blinded } from './log-key.js'
import { leafHash, merkleRoot } from './merkle.js'

/** Where a chain stands. */
export interface Chain {
  sequence: number
  /** SHA-256 of its last record as journalled. */
  head: Uint8Array
}

/** An epoch of an instance: its chains, one for each tenant that had a record in it. */
export interface Epoch {
  readonly instance: string
  readonly service: string
  readonly id: Uint8Array
  /** Empty for an instance's first. */
  readonly previous: Uint8Array
  /** Unix milliseconds. */
  readonly started: number
  readonly chains: Map<string, Chain>
}

export const beginEpoch = (instance: string, service: string, previous: Uint8Array, now: number): Epoch => ({
  instance,
  service,
  id: uuid7(now),
  previous,
  started: now,
  chains: new Map(),
})

export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')

/** A numbered record, and the step of its chain: taken only when its place in the journal is settled. */
export interface Numbered {
  readonly tenantId: string
  readonly sequence: number
  readonly bytes: Uint8Array
}

export const number = (epoch: Epoch, draft: DraftRecord): Numbered => {
  const { tenantId } = draft
  const chain = epoch.chains.get(tenantId)
  const sequence = (chain?.sequence ?? 0) + 1
  const bytes = encodeRecord(draft, { instance: epoch.instance, epoch: epoch.id, sequence, previous: chain?.head ?? NONE })
  return { tenantId, sequence, bytes }
}

const NONE = new Uint8Array()

export const advance = (epoch: Epoch, { tenantId, sequence, bytes }: Numbered): void => {
  const chain = epoch.chains.get(tenantId)
  if (!chain) epoch.chains.set(tenantId, { sequence, head: sha256(bytes) })
  else {
    chain.sequence = sequence
    chain.head = sha256(bytes)
  }
}

/** Leaf of a chain in its epoch's end: blinded tenant (32), last sequence (u64, big-endian), head (32). */
export const chainLeaf = (blindedTenant: Uint8Array, sequence: number, head: Uint8Array): Buffer => {
  const leaf = Buffer.alloc(72)
  leaf.set(blindedTenant, 0)
  leaf.writeBigUInt64BE(BigInt(sequence), 32)
  leaf.set(head, 40)
  return leaf
}

/** Root over the chains, sorted by blinded tenant. */
export const epochRoot = (id: Uint8Array, chains: ReadonlyMap<string, Chain>, logKey: (tenantId: string) => Uint8Array): Buffer => {
  const leaves = [...chains].map(([tenant, { sequence, head }]) => chainLeaf(blinded(logKey(tenant), id), sequence, head))
  leaves.sort((a, b) => a.compare(b))
  return merkleRoot(leaves.map(leafHash))
}

/**
 * The record that ends an epoch: the last of its chain in the platform's log, over all chains as they stand before it (so it is no part of its own root).
 * `clean` is false when a later start declares it for a process that died.
 */
export const endOfEpoch = (
  epoch: Epoch,
  { clean, region, now, logKey }: { clean: boolean; region: string; now: number; logKey: (tenantId: string) => Uint8Array },
): DraftRecord =>
  create(AccessRecordSchema, {
    kind: RecordKind.EPOCH_END,
    decisionId: random16(),
    time: timestampFromMs(now),
    tenantId: PLATFORM_TENANT,
    service: epoch.service,
    actor: { kind: 'workload' },
    outcome: Outcome.OK,
    region,
    epochEnd: {
      epoch: epoch.id,
      previousEpoch: epoch.previous,
      root: epochRoot(epoch.id, epoch.chains, logKey),
      chains: BigInt(epoch.chains.size),
      clean,
      started: timestampFromMs(epoch.started),
    },
  })

const HEADS_A_FRAME = 500

/** Frames that let a reader go on with an epoch from here: what it is, and where its chains stand. */
export const epochFrames = ({ instance, service, id, previous, started, chains }: Epoch): Buffer[] => {
  const epoch = Buffer.from(id).toString('hex')
  const head: EpochHead = { instance, service, epoch, previous: Buffer.from(previous).toString('hex'), started }
  const frames = [jsonFrame(FrameType.EPOCH, head)]
  const all = [...chains].map(([tenant, chain]) => [tenant, chain.sequence, Buffer.from(chain.head).toString('hex')] as const)
  for (let i = 0; i < all.length; i += HEADS_A_FRAME) {
    const heads: ChainHeads = { epoch, heads: all.slice(i, i + HEADS_A_FRAME) }
    frames.push(jsonFrame(FrameType.HEADS, heads))
  }
  return frames
}
