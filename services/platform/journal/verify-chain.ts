import { fromBinary } from '@bufbuild/protobuf'
import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { PLATFORM_TENANT } from '../ids.js'
import type { Chain } from './epoch.js'
import { epochRoot, sha256 } from './epoch.js'

export interface ChainProblem {
  readonly instance: string
  /** Hex. */
  readonly epoch: string
  readonly tenantId: string
  readonly sequence: number
  /** `gap`: records are missing before it. `link`: it does not name the one before it. `repeated`: a second one of that number. `root`: the end gives another root. */
  readonly problem: 'gap' | 'link' | 'repeated' | 'root'
}

export interface EpochReport {
  readonly instance: string
  readonly epoch: string
  readonly previous: string
  readonly records: number
  /** `complete` and `unclean`: ended, and the chains give the root (the latter by a later start). `open`: no end yet. `mismatch`: the end gives another root. */
  readonly state: 'complete' | 'unclean' | 'open' | 'mismatch'
}

export interface ChainReport {
  readonly epochs: readonly EpochReport[]
  readonly problems: readonly ChainProblem[]
}

interface Seen {
  readonly instance: string
  readonly id: Uint8Array
  readonly chains: Map<string, Chain>
  records: number
  end: AccessRecord | undefined
}

/**
 * Checks records as they were journalled, of whole epochs: each chain dense from 1, each record naming the one before it, each ended epoch's chains giving
 * its root. Records of one chain must come in their order; the same bytes twice count once. `logKey` as the journal had it.
 */
export const verifyChains = (records: Iterable<Uint8Array>, logKey: (tenantId: string) => Uint8Array): ChainReport => {
  const epochs = new Map<string, Seen>()
  const problems: ChainProblem[] = []
  for (const bytes of records) {
    const record = fromBinary(AccessRecordSchema, bytes)
    const epoch = Buffer.from(record.epoch).toString('hex')
    const seen: Seen = epochs.get(epoch) ?? { instance: record.instance, id: record.epoch, chains: new Map(), records: 0, end: undefined }
    epochs.set(epoch, seen)
    const chain = seen.chains.get(record.tenantId) ?? { sequence: 0, head: new Uint8Array() }
    const sequence = Number(record.sequence)
    const head = sha256(bytes)
    if (sequence === chain.sequence && head.equals(chain.head)) continue
    const problem = step(chain, sequence, record.previous)
    if (problem) problems.push({ instance: record.instance, epoch, tenantId: record.tenantId, sequence, problem })
    if (record.kind === RecordKind.EPOCH_END) {
      // The root is over the chains as they stood before the end, which is the last of the platform's.
      seen.end = record
    } else seen.chains.set(record.tenantId, { sequence, head })
    seen.records++
  }
  const reports = [...epochs].map(([epoch, seen]): EpochReport => {
    const state = stateOf(seen, logKey)
    if (state === 'mismatch')
      problems.push({
        instance: seen.instance,
        epoch,
        tenantId: PLATFORM_TENANT,
        sequence: Number(seen.end!.sequence),
        problem: 'root',
      })
    const previous = Buffer.from(seen.end?.epochEnd?.previousEpoch ?? []).toString('hex')
    return { instance: seen.instance, epoch, previous, records: seen.records, state }
  })
  return { epochs: reports, problems }
}

const step = (chain: Chain, sequence: number, previous: Uint8Array): ChainProblem['problem'] | undefined => {
  if (sequence <= chain.sequence) return 'repeated'
  if (sequence !== chain.sequence + 1) return 'gap'
  return Buffer.compare(previous, chain.head) === 0 ? undefined : 'link'
}

const stateOf = ({ end, id, chains }: Seen, logKey: (tenantId: string) => Uint8Array): EpochReport['state'] => {
  if (!end?.epochEnd) return 'open'
  const same = BigInt(chains.size) === end.epochEnd.chains && epochRoot(id, chains, logKey).equals(end.epochEnd.root)
  if (!same) return 'mismatch'
  return end.epochEnd.clean ? 'complete' : 'unclean'
}
