import type { SealedPart } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { PublicKey } from './key-store.js'

/** Seals personal details to a public key so that their producer can write but not read. Synchronous: it stands on the path of every call. */
export interface Sealer {
  /** `boundTo`: the id of the event or decision that carries it, authenticated with the ciphertext. */
  seal(key: PublicKey, tenantId: string, boundTo: string, details: Readonly<Record<string, unknown>>, subjectId?: string): SealedPart
}

/** Opens what a Sealer sealed. Audit alone has one. */
export interface Opener {
  /** The details, and whether they match the commitment; throws KeyDestroyed. */
  open(
    part: SealedPart,
    tenantId: string,
    boundTo: string,
  ): Promise<{ details: Record<string, unknown>; salt: Uint8Array; committed: boolean }>
}
