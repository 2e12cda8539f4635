import { describe, expect, it } from '@jest/globals'
import { newId } from '../ids.js'
import { murmur2, PARTITIONS, partitionOf } from './partition.js'

describe('murmur2()', () => {
  // The vectors of Apache Kafka's own UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (text, hash) => expect(murmur2(new TextEncoder().encode(text))).toBe(hash))
})

describe('partitionOf()', () => {
  it('is a fixed choice: these keys stay where they are for good', () => {
    expect(PARTITIONS).toBe(12)
    expect(['ten_00000000000000000000000000', 'ten_01k00000000000000000000000', ''].map(partitionOf)).toMatchInlineSnapshot(`
     [
       4,
       11,
       9,
     ]
    `)
  })

  it('spreads tenants over all partitions', () => {
    const counts = new Array<number>(PARTITIONS).fill(0)
    for (let i = 0; i < 6_000; i++) counts[partitionOf(newId('ten'))]! += 1
    expect(Math.min(...counts)).toBeGreaterThan(350)
    expect(Math.max(...counts)).toBeLessThan(650)
  })
})
