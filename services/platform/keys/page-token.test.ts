import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { PageBinding } from './page-token.js'
import { createPageTokens } from './page-token.js'

const secret = Buffer.alloc(32, 3)
const binding: PageBinding = {
  method: 'tenantry.data.v1.RecordService/ListRecords',
  tenant: 'ten_1',
  subject: 'usr_1',
  filter: 'a = 1',
  order: 'b',
  extra: 'col_1/7',
}
const refused = (work: () => unknown): void => {
  try {
    work()
  } catch (error) {
    expect(error).toMatchObject({ reason: 'INVALID_PAGE_TOKEN', violations: [{ field: 'page_token' }] })
    return
  }
  throw new Error('accepted')
}

describe('createPageTokens()', () => {
  it('gives the cursor back, in another replica too, and shows nothing of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (cursor) => {
        const token = createPageTokens({ secret }).seal(binding, cursor)
        expect(createPageTokens({ secret }).open(binding, token)).toBe(cursor)
      }),
    )
    const token = createPageTokens({ secret }).seal(binding, 'rec_canary')
    expect(Buffer.from(token, 'base64url').includes('canary')).toBe(false)
  })

  it('opens for the same list only', () => {
    const tokens = createPageTokens({ secret })
    const token = tokens.seal(binding, 'x')
    for (const key of ['method', 'tenant', 'subject', 'filter', 'order', 'extra'] as const)
      refused(() => tokens.open({ ...binding, [key]: binding[key] + 'x' }, token))
    // The parts' borders count: shifted from one to the next they are another list.
    refused(() => tokens.open({ ...binding, tenant: 'ten_1u', subject: 'sr_1' }, token))
    refused(() => createPageTokens({ secret: Buffer.alloc(32, 4) }).open(binding, token))
    expect(tokens.open(binding, token)).toBe('x')
  })

  it('refuses damage, other spellings and nonsense', () => {
    const tokens = createPageTokens({ secret })
    const token = tokens.seal(binding, 'x')
    const bytes = Buffer.from(token, 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const flipped = Buffer.from(bytes)
      flipped[i]! ^= 0x40
      refused(() => tokens.open(binding, flipped.toString('base64url')))
    }
    for (const other of ['', ' ', `${token}=`, `${token} `, token.slice(0, -1), `${token}\0`, '\ud800', 'x'.repeat(100_000)])
      refused(() => tokens.open(binding, other))
    fc.assert(fc.property(fc.string(), (text) => refused(() => tokens.open(binding, text))))
  })

  it('is good for an hour, over the change of the hour and for a clock that is a little behind', () => {
    const issued = 1_700_000_000_000
    const at = (now: number) => createPageTokens({ secret, now: () => now })
    const token = at(issued).seal(binding, 'x')
    expect(at(issued + 3_600_000).open(binding, token)).toBe('x')
    expect(at(issued - 30_000).open(binding, token)).toBe('x')
    refused(() => at(issued + 3_600_001).open(binding, token))
    refused(() => at(issued - 31_000).open(binding, token))
    refused(() => at(issued + 8_000_000).open(binding, token))
    const hour = Math.ceil(issued / 3_600_000) * 3_600_000
    expect(at(hour - 10_000).open(binding, at(hour).seal(binding, 'y'))).toBe('y')
  })
})
