import { hash } from 'node:crypto'

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')

/** RFC 6962, 2.1: SHA-256(0x00, leaf). */
export const leafHash = (leaf: Uint8Array): Buffer => sha256(Buffer.concat([Buffer.of(0), leaf]))

/** RFC 6962, 2.1: SHA-256(0x01, left, right). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.concat([Buffer.of(1), left, right]))

/** Root of a tree over leaf hashes in order (RFC 6962, 2.1); of none, SHA-256 of nothing. */
export const merkleRoot = (leafHashes: readonly Uint8Array[]): Buffer => {
  if (leafHashes.length === 0) return sha256(Buffer.alloc(0))
  // Pairing neighbours level by level, the odd one carried up, gives the RFC's tree.
  let level = leafHashes
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) next.push(i + 1 < level.length ? nodeHash(level[i]!, level[i + 1]!) : level[i]!)
    level = next
  }
  return Buffer.from(level[0]!)
}
