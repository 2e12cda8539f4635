import fc from 'fast-check'
import { describe, expect, it } from '@jest/globals'
import { decodeCursor, encodeCursor } from './cursor.js'

const database = Buffer.from('12345678')

describe('cursors', () => {
  it('come back as they were, in the 64 bytes of a RenewRequest', () => {
    const xid = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const key = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme-ascii' })
    const page = fc.option(fc.record({ start: xid, source: fc.integer({ min: 0, max: 255 }), xid, key }), { nil: undefined })
    fc.assert(
      fc.property(xid, page, (floor, page) => {
        const bytes = encodeCursor({ database, floor, page })
        expect(bytes.length).toBeLessThanOrEqual(64)
        expect(decodeCursor(bytes)).toEqual({ database, floor, ...(page === undefined ? {} : { page }) })
      }),
    )
  })

  it('are none when they are of another form', () => {
    for (const bytes of ['', 'x', '\x01', '\x02'.repeat(17), '\x01'.repeat(16), '\x01'.repeat(18), '\x01'.repeat(34)]) {
      expect(decodeCursor(Buffer.from(bytes))).toBeUndefined()
    }
  })

  it('refuse a key that would not fit', () => {
    expect(() => encodeCursor({ database, floor: 1n, page: { start: 1n, source: 0, xid: 1n, key: 'k'.repeat(31) } })).toThrow('30 bytes')
  })
})
