import { describe, expect, it } from '@jest/globals'
import { createByteCache } from './byte-cache.js'

describe('createByteCache()', () => {
  it('forgets by age and by number, and hands out copies', () => {
    let now = 0
    const cache = createByteCache({ max: 2, maxAgeMs: 100, now: () => now })
    cache.set('a', Buffer.from('aa'))
    cache.get('a')!.fill(0)
    expect(cache.get('a')).toEqual(Buffer.from('aa'))
    now = 50
    cache.set('b', Buffer.from('bb'))
    cache.set('c', Buffer.from('cc'))
    expect(cache.size).toBe(2)
    expect(cache.get('a')).toBeUndefined()
    now = 151
    expect(cache.get('b')).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  it('overwrites what it drops', () => {
    const cache = createByteCache({ max: 1, maxAgeMs: 100 })
    const seen: Buffer[] = []
    const from = Buffer.from
    // What the cache keeps is the copy that it makes itself.
    Buffer.from = ((...given: Parameters<typeof Buffer.from>) => {
      const made = from(...given)
      seen.push(made)
      return made
    }) as typeof Buffer.from
    try {
      cache.set('a', from('secret'))
      cache.set('b', from('other!'))
      cache.clear()
    } finally {
      Buffer.from = from
    }
    expect(seen).toHaveLength(2)
    expect(seen.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
  })
})
