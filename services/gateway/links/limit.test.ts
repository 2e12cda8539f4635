import { describe, expect, it } from '@jest/globals'
import { networkOf } from '../../platform/network-of.js'
import { createRateLimit } from '../rate-limit.js'

describe('the rate of an address', () => {
  it('lets nobody pass by changing addresses within it; negative control: by whole addresses it does', () => {
    const addresses = Array.from({ length: 50 }, (_, i) => `2001:db8::${i.toString(16)}`)
    const passed = (key: (address: string) => string): number => {
      const limit = createRateLimit({ perSecond: 1, burst: 5 }, 1_000, () => 0)
      return addresses.filter((address) => limit.take(key(address)) === 0).length
    }
    expect(passed(networkOf)).toBe(5)
    expect(passed((address) => address)).toBe(50)
  })
})
