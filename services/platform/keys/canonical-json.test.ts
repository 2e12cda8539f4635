import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { canonicalJson } from './canonical-json.js'

describe('canonicalJson()', () => {
  it('is one text for one value, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'ü\u2028' })).toBe(
      canonicalJson({ a: 'ü\u2028', b: [1, { c: true, d: null }] }),
    )
    expect(canonicalJson({ b: 1n, a: undefined, c: new Date(0), d: -0 })).toBe('{"b":"1","c":"1970-01-01T00:00:00.000Z","d":0}')
    expect(canonicalJson(undefined)).toBe('null')
  })

  it('says what JSON says', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))))
  })

  it('gives up on what goes too deep', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(() => canonicalJson(loop)).toThrow(RangeError)
  })
})
