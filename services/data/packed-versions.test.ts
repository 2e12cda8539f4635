import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { isId } from '../platform/ids.js'
import { madeIds } from './made-ids.js'
import { packVersions, unpackVersions } from './packed-versions.js'

describe('packVersions()', () => {
  it('gives back what it took', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })), (list) =>
        expect(unpackVersions(packVersions(list))).toEqual(list),
      ),
    )
  })

  it('keeps 500 large versions within the room that an answer has', () => {
    expect(packVersions(Array.from({ length: 500 }, (_, i) => 2n ** 34n - BigInt(i))).length).toBeLessThan(3500)
  })
})

describe('madeIds()', () => {
  it('makes ids that differ, and the same ones again from its seed', () => {
    const ids = madeIds()
    const made = Array.from({ length: 500 }, (_, i) => ids.at(i))
    expect(new Set(made).size).toBe(500)
    expect(made.every((id) => isId('rec', id))).toBe(true)
    expect(made.map((_, i) => madeIds(ids.seed).at(i))).toEqual(made)
  })

  it('stays within its 32 bits at their end', () => {
    expect(isId('rec', madeIds('ff'.repeat(16)).at(499))).toBe(true)
  })
})
