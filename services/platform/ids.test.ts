import { describe, expect, it } from '@jest/globals'
import { base32, isId, newId, uuid7 } from './ids.js'

describe('newId()', () => {
  it('makes an id of 26 characters after its prefix, in order of time', () => {
    const ids = Array.from({ length: 100 }, () => newId('rec'))
    expect(new Set(ids).size).toBe(100)
    for (const id of ids) expect(isId('rec', id)).toBe(true)
    expect(base32(uuid7(1_700_000_000_000)) < base32(uuid7(1_700_000_000_001))).toBe(true)
  })

  it('spells 16 bytes most significant bits first', () => {
    expect(base32(new Uint8Array(16).fill(0xff))).toBe('7zzzzzzzzzzzzzzzzzzzzzzzzz')
    expect(base32(Buffer.from('0188bac7-4afa-78aa-bc3b-bd1eef28d881'.replaceAll('-', ''), 'hex'))).toBe('01h2xcejqtf2nbrexx3vqjhp41')
  })
})

describe('isId()', () => {
  it('refuses other prefixes, upper case, and values past 128 bits', () => {
    const id = newId('ten')
    expect(isId('usr', id)).toBe(false)
    expect(isId('ten', id.toUpperCase())).toBe(false)
    expect(isId('ten', 'ten_80000000000000000000000000')).toBe(false)
  })
})
