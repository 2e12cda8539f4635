import { describe, expect, it } from '@jest/globals'
import { networkOf } from './network-of.js'

describe('networkOf()', () => {
  it('counts an IPv6 network of 64 bits as one, in any spelling', () => {
    const one = ['2001:db8:0:1::1', '2001:db8:0:1:ffff:1:2:3', '2001:0DB8:0000:0001::', '2001:db8::1:0:0:0:7', '2001:db8:0:1::1%eth0']
    expect(new Set(one.map(networkOf))).toEqual(new Set(['2001:db8:0:1::/64']))
    expect(networkOf('2001:db8:0:2::1')).not.toBe(networkOf('2001:db8:0:1::1'))
    expect(networkOf('::1')).toBe('0:0:0:0::/64')
  })

  it('counts an IPv4 address by itself, in IPv6 form too', () => {
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1')
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1')
    expect(networkOf('::FFFF:192.0.2.2')).not.toBe(networkOf('::ffff:192.0.2.1'))
  })
})
