import { describe, expect, it } from '@jest/globals'
import { createRateLimit } from '../rate-limit.js'
import { rateKey } from './limit.js'

describe('rateKey()', () => {
  it('counts an IPv6 network of 64 bits as one, in any spelling', () => {
    const one = ['2001:db8:0:1::1', '2001:db8:0:1:ffff:1:2:3', '2001:0DB8:0000:0001::', '2001:db8::1:0:0:0:7', '2001:db8:0:1::1%eth0']
    expect(new Set(one.map(rateKey))).toEqual(new Set(['2001:db8:0:1::/64']))
    expect(rateKey('2001:db8:0:2::1')).not.toBe(rateKey('2001:db8:0:1::1'))
    expect(rateKey('::1')).toBe('0:0:0:0::/64')
  })

  it('counts an IPv4 address by itself, in IPv6 form too', () => {
    expect(rateKey('192.0.2.1')).toBe('192.0.2.1')
    expect(rateKey('::ffff:192.0.2.1')).toBe('192.0.2.1')
    expect(rateKey('::FFFF:192.0.2.2')).not.toBe(rateKey('::ffff:192.0.2.1'))
  })

  it('lets nobody pass by changing addresses within it; negative control: by whole addresses it does', () => {
    const addresses = Array.from({ length: 50 }, (_, i) => `2001:db8::${i.toString(16)}`)
    const passed = (key: (address: string) => string): number => {
      const limit = createRateLimit({ perSecond: 1, burst: 5 }, 1_000, () => 0)
      return addresses.filter((address) => limit.take(key(address)) === 0).length
    }
    expect(passed(rateKey)).toBe(5)
    expect(passed((address) => address)).toBe(50)
  })
})
