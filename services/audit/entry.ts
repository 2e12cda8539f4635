import type { JsonObject } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { Logger } from 'pino'
import type { EntrySchema } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { SealedPart } from '../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { parseEnvelope } from '../platform/events/parse-envelope.js'
import { KeyDestroyed } from '../platform/keys/key-store.js'
import type { Opener } from '../platform/keys/sealer.js'
import { AppError } from '../platform/mesh/errors.js'
import type { LeafRow } from './store/read-leaves.js'

export type EntryInit = MessageInitShape<typeof EntrySchema>

/** A leaf as a reader sees it: the clear part, and of sealed parts whose they are and what commits to them. */
export const basicEntry = (row: LeafRow): EntryInit => read(row).entry

/**
 * The same with what its sealed parts say, by key id. A part whose key was destroyed is absent, as is one that does not open or breaks its commitment,
 * which is reported. Throws AppError KEYS_UNAVAILABLE.
 */
export const fullEntry = async (row: LeafRow, opener: Opener, log: Logger): Promise<EntryInit> => {
  const { entry, tenantId, boundTo, sealed } = read(row)
  const opened: Record<string, JsonObject> = {}
  for (const part of sealed) {
    const details = await openPart(part, tenantId, boundTo, opener, log)
    if (details !== undefined) opened[part.keyId] = { ...opened[part.keyId], ...details }
  }
  return { ...entry, opened }
}

const openPart = async (
  part: SealedPart,
  tenantId: string,
  boundTo: string,
  opener: Opener,
  log: Logger,
): Promise<JsonObject | undefined> => {
  try {
    const { details, committed } = await opener.open(part, tenantId, boundTo)
    if (committed) return details as JsonObject
    log.error({ boundTo, keyId: part.keyId }, 'audit: a sealed part is not what its commitment says')
  } catch (error) {
    if (error instanceof AppError) throw error
    if (!(error instanceof KeyDestroyed)) log.error({ err: error, boundTo, keyId: part.keyId }, 'audit: a sealed part does not open')
  }
  return undefined
}

const read = (row: LeafRow): { entry: EntryInit; tenantId: string; boundTo: string; sealed: readonly SealedPart[] } => {
  const envelope = parseEnvelope(row.envelope)
  const of = envelope.kind === 'event' ? envelope.event : envelope.record
  const decisionId = Buffer.from(of.decisionId).toString('hex')
  // Readers have no use for ciphertext: they get it opened or not at all.
  const sealed = of.sealed.map((part) => ({ ...part, wrappedKey: new Uint8Array(), ciphertext: new Uint8Array() }))
  return {
    entry: {
      entryId: envelope.id,
      index: BigInt(row.leaf_index),
      appendTime: timestampFromDate(row.append_time),
      decisionId,
      time: envelope.time,
      entry:
        envelope.kind === 'event'
          ? { case: 'event', value: { ...envelope.event, sealed } }
          : { case: 'access', value: { ...envelope.record, sealed } },
    },
    tenantId: envelope.tenantId,
    boundTo: envelope.kind === 'event' ? envelope.id : decisionId,
    sealed: of.sealed,
  }
}
