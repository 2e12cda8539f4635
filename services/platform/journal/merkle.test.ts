import { describe, expect, it } from '@jest/globals'
import { createHash } from 'node:crypto'
import { leafHash, merkleRoot, nodeHash } from './merkle.js'

/** The definition of RFC 6962, 2.1, word for word. */
const defined = (leaves: readonly Uint8Array[]): Buffer => {
  if (leaves.length === 0) return createHash('sha256').digest()
  if (leaves.length === 1) return leafHash(leaves[0]!)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(defined(leaves.slice(0, k)), defined(leaves.slice(k)))
}

describe('merkleRoot()', () => {
  it('is the tree of RFC 6962 for every number of leaves', () => {
    const leaves = Array.from({ length: 70 }, (_, i) => Buffer.from([i]))
    for (let n = 0; n <= leaves.length; n++) expect(merkleRoot(leaves.slice(0, n).map(leafHash))).toEqual(defined(leaves.slice(0, n)))
  })

  it('hashes leaves and nodes apart', () => {
    expect(leafHash(Buffer.alloc(0)).toString('hex')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    expect(nodeHash(a, b)).not.toEqual(leafHash(Buffer.concat([a, b])))
  })
})
