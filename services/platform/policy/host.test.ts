import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { createHost, MAX_INPUT } from './host.js'
import { fakePolicy } from './testing/fake-policy.js'
import type { FakePolicy } from './testing/fake-policy.js'

const ENTRY = 'tenantry/entry/answer'
const hostOf = (policy: FakePolicy, maximumPages = 128) =>
  createHost(new WebAssembly.Module(fakePolicy(policy)), '{}', ENTRY, { initialPages: 8, maximumPages })
const says = (text: string): FakePolicy => ({ behaviour: { does: 'answer', text } })

describe('createHost()', () => {
  it('asks the policy', () => {
    expect(hostOf(says('[{"result":1}]')).evaluate('{}')).toBe('[{"result":1}]')
  })

  it('refuses a policy that needs a builtin, at load and by name (threats 21)', () => {
    expect(() => hostOf({ ...says('[]'), builtins: '{"sprintf":0}' })).toThrow('sprintf')
  })

  it('refuses another ABI, a missing entry, and data that is not JSON', () => {
    expect(() => hostOf({ ...says('[]'), abi: [2, 0] })).toThrow('ABI 2.0')
    expect(() => hostOf({ ...says('[]'), abi: [1, 1] })).toThrow('ABI 1.1')
    expect(() => hostOf({ ...says('[]'), entrypoints: '{"other":0}' })).toThrow(ENTRY)
    expect(() => hostOf({ ...says('[]'), entrypoints: '{}' })).toThrow(ENTRY)
    expect(() => hostOf({ ...says('[]'), parsed: 0 })).toThrow('not JSON')
  })

  it('refuses what is no WebAssembly', () => {
    expect(() => createHost(new WebAssembly.Module(Buffer.from('no')), '{}', ENTRY)).toThrow()
  })

  it.each([
    ['a trap', { does: 'trap' }],
    ['an abort', { does: 'abort', message: 'out of luck' }],
    ['a builtin that it did not tell of', { does: 'call' }],
  ] as const)('throws on %s, and takes a new instance', (_, behaviour) => {
    const host = hostOf({ behaviour })
    expect(() => host.evaluate('{}')).toThrow()
    expect(host.memoryBytes()).toBe(0)
    expect(() => host.evaluate('{}')).toThrow()
    expect(host.instances()).toBe(2)
  })

  it('throws when the memory has reached its maximum, and takes a new instance', () => {
    const host = hostOf({ behaviour: { does: 'grow', pages: 1000, text: '[]' } })
    expect(() => host.evaluate('{}')).toThrow()
    expect(host.memoryBytes()).toBe(0)
  })

  it('replaces an instance that has grown to its maximum without failing (threats 23)', () => {
    const host = hostOf({ behaviour: { does: 'grow', pages: 40, text: '[]' } }, 128)
    for (let i = 0; i < 100; i++) {
      expect(host.evaluate('{}')).toBe('[]')
      expect(host.memoryBytes()).toBeLessThanOrEqual(128 * 65_536)
    }
    expect(host.instances()).toBeGreaterThan(20)
  })

  it('takes inputs larger than the memory it began with, and refuses those without bound', () => {
    const host = hostOf(says('[]'))
    expect(host.evaluate(JSON.stringify('é'.repeat(200_000)))).toBe('[]')
    expect(() => host.evaluate(' '.repeat(MAX_INPUT + 1))).toThrow('too long')
    expect(host.evaluate('{}')).toBe('[]')
  })
})

describe('the policy that ships', () => {
  const host = createHost(
    new WebAssembly.Module(readFileSync('policies/bundle/policy.wasm')),
    readFileSync('policies/bundle/data.json', 'utf8'),
    ENTRY,
  )

  it('keeps its memory over 100,000 evaluations of different inputs (threats 23)', () => {
    host.evaluate('{}')
    const before = host.memoryBytes()
    for (let i = 0; i < 100_000; i++) host.evaluate(`{"workload":{"service":"data","region":"r${i}"},"action":"a${i}"}`)
    expect(host.memoryBytes()).toBe(before)
    expect(host.instances()).toBe(1)
  })

  it('denies what is no JSON', () => {
    for (const input of ['', '{', 'undefined', '{"a":1}}', '\0', '{"workload":"\ud800"}', '[]', 'null', '"x"', '1e999']) {
      expect(host.evaluate(input)).toContain('"allow":false')
    }
  })
})
