import { describe, expect, it } from '@jest/globals'
import { createRateLimit } from './rate-limit.js'

describe('createRateLimit()', () => {
  it('lets a burst pass, then the rate, and says when to come again', () => {
    let time = 0
    const limit = createRateLimit({ perSecond: 10, burst: 5 }, 100, () => time)
    expect(Array.from({ length: 5 }, () => limit.take('a'))).toEqual([0, 0, 0, 0, 0])
    expect(limit.take('a')).toBe(100)
    time = 100
    expect(limit.take('a')).toBe(0)
    expect(limit.take('a')).toBe(100)
  })

  it('keeps keys apart', () => {
    const limit = createRateLimit({ perSecond: 1, burst: 1 }, 100, () => 0)
    expect(limit.take('a')).toBe(0)
    expect(limit.take('a')).toBeGreaterThan(0)
    expect(limit.take('b')).toBe(0)
  })

  it('stays bounded under a flood of keys', () => {
    const limit = createRateLimit({ perSecond: 1, burst: 1 }, 1_000, () => 0)
    limit.take('honest')
    for (let i = 0; i < 400; i++) limit.take(`flood-${i}`)
    // Still known: a flood below the bound has not reset it.
    expect(limit.take('honest')).toBeGreaterThan(0)
  })
})
