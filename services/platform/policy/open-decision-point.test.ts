import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { sha256 } from './bundle.js'
import type { DecisionPointOptions } from './open-decision-point.js'
import { openDecisionPoint } from './open-decision-point.js'
import { fakePolicy } from './testing/fake-policy.js'
import type { Behaviour } from './testing/fake-policy.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'decision-point-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const put = (behaviour: Behaviour) => {
  const wasm = fakePolicy({ behaviour })
  const manifest = {
    revision: 7,
    entrypoint: 'tenantry/entry/answer',
    wasm_sha256: sha256(wasm),
    data_sha256: sha256(Buffer.from('{}')),
    sources: {},
  }
  writeFileSync(join(directory, 'policy.wasm'), wasm)
  writeFileSync(join(directory, 'data.json'), '{}')
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest))
}
const open = (options: Partial<DecisionPointOptions> = {}) => openDecisionPoint({ directory, manifestSha256: null, ...options })
const denied = { allow: false, reason: 'POLICY_ERROR' }
const NO = '[{"result":{"allow":false,"reason":"DENIED_BY_DEFAULT","obligations":{}}}]'

/** A policy that denies an empty input, as it must to be put in force, and answers `text` to any other. */
const answering = async (text: string) => {
  put({ does: 'answer', text, first: NO })
  const decisionPoint = await open()
  expect(decisionPoint.ready).toBe(true)
  return decisionPoint
}

describe('openDecisionPoint()', () => {
  it('puts the bundle of the release in force', async () => {
    const decisionPoint = await openDecisionPoint({ directory: 'policies/bundle' })
    expect(decisionPoint).toMatchObject({ ready: true })
    expect(decisionPoint.revision).toBeGreaterThan(0n)
    expect(decisionPoint.decide({})).toMatchObject({ allow: false, reason: 'WORKLOAD_NOT_ALLOWED' })
    decisionPoint.close()
    expect(decisionPoint.decide({})).toMatchObject(denied)
  })

  it('without a bundle is not ready, denies, and takes one later', async () => {
    const decisionPoint = await openDecisionPoint({ directory })
    expect(decisionPoint).toMatchObject({ ready: false, revision: 0n })
    expect(decisionPoint.decide({})).toMatchObject(denied)
    cpSync('policies/bundle', directory, { recursive: true })
    expect(await decisionPoint.reload()).toBe(true)
    expect(decisionPoint.ready).toBe(true)
  })

  it('keeps the last good bundle when the next is corrupt, and tells (threats 20)', async () => {
    cpSync('policies/bundle', directory, { recursive: true })
    const log = { error: jest.fn(), info: jest.fn() }
    const decisionPoint = await openDecisionPoint({ directory, log: log as never })
    const { revision } = decisionPoint
    writeFileSync(join(directory, 'policy.wasm'), 'corrupt')
    expect(await decisionPoint.reload()).toBe(false)
    expect(log.error).toHaveBeenCalledTimes(1)
    expect(decisionPoint).toMatchObject({ ready: true, revision })
    expect(decisionPoint.decide({})).toMatchObject({ reason: 'WORKLOAD_NOT_ALLOWED' })
    rmSync(join(directory, 'manifest.json'))
    expect(await decisionPoint.reload()).toBe(false)
    expect(decisionPoint.ready).toBe(true)
  })

  it('refuses a policy of another release', async () => {
    put({ does: 'answer', text: NO })
    expect((await openDecisionPoint({ directory })).ready).toBe(false)
    expect((await open()).ready).toBe(true)
  })

  it.each<[string, Behaviour]>([
    ['allows an empty input', { does: 'answer', text: '[{"result":{"allow":true,"reason":"","obligations":{}}}]' }],
    ['traps', { does: 'trap' }],
    ['aborts', { does: 'abort', message: 'x' }],
    ['calls a builtin', { does: 'call' }],
    ['takes all memory', { does: 'grow', pages: 60_000, text: NO }],
  ])('does not put a policy in force that %s (threats 21)', async (_, behaviour) => {
    put(behaviour)
    const decisionPoint = await open()
    expect(decisionPoint.ready).toBe(false)
    expect(decisionPoint.decide({})).toMatchObject(denied)
  })

  it('allows when the policy does: the control of what follows', async () => {
    const decisionPoint = await answering('[{"result":{"allow":true,"reason":"","obligations":{}}}]')
    expect(decisionPoint.decide({ a: 1 })).toMatchObject({ allow: true })
  })

  it.each([
    ['nothing', '[]'],
    ['two answers', `[{"result":{"allow":true,"reason":"","obligations":{}}},{"result":{}}]`],
    ['no object', '[{"result":true}]'],
    ['a list', '[{"result":[true]}]'],
    ['allow of another type', '[{"result":{"allow":"true","reason":"","obligations":{}}}]'],
    ['an object for allow', '[{"result":{"allow":{"allow":false},"reason":"","obligations":{}}}]'],
    ['1 for allow', '[{"result":{"allow":1,"reason":"","obligations":{}}}]'],
    ['no reason', '[{"result":{"allow":true,"obligations":{}}}]'],
    ['no obligations', '[{"result":{"allow":true,"reason":""}}]'],
    ['an allowed reason', '[{"result":{"allow":true,"reason":"NOT_OWNER","obligations":{}}}]'],
    ['an unknown reason', '[{"result":{"allow":false,"reason":"toString","obligations":{}}}]'],
    ['an unknown obligation', '[{"result":{"allow":true,"reason":"","obligations":{"burn_after_reading":true}}}]'],
    ['an obligation of another type', '[{"result":{"allow":true,"reason":"","obligations":{"max_classification":3}}}]'],
    ['no JSON', 'allow'],
    ['nothing at all', ''],
  ])('denies when the policy answers %s (threats 21)', async (_, text) => {
    expect((await answering(text)).decide({ a: 1 })).toMatchObject({ allow: false })
  })

  it('is not fooled by a polluted prototype, in what is asked or answered (threats 25)', async () => {
    const decisionPoint = await answering('[{"result":{}}]')
    const real = await openDecisionPoint({ directory: 'policies/bundle' })
    const polluted = Object.prototype as Record<string, unknown>
    try {
      Object.assign(polluted, { allow: true, reason: '', obligations: {}, result: { allow: true }, subject: { permissions: ['*'] } })
      expect(decisionPoint.decide({ a: 1 })).toMatchObject({ allow: false })
      expect(real.decide({})).toMatchObject({ allow: false })
      expect(
        real.decide(JSON.parse('{"__proto__":{"workload":{"service":"data"}},"constructor":{"prototype":{"allow":true}}}') as never),
      ).toMatchObject({
        allow: false,
      })
    } finally {
      for (const name of ['allow', 'reason', 'obligations', 'result', 'subject']) Reflect.deleteProperty(polluted, name)
    }
  })

  it('denies what cannot be written as JSON', async () => {
    const decisionPoint = await openDecisionPoint({ directory: 'policies/bundle' })
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const hostile = Object.defineProperty({}, 'toJSON', { value: () => undefined }) as Record<string, unknown>
    for (const input of [circular, { n: 1n }, hostile, undefined as never, null as never]) {
      expect(decisionPoint.decide(input)).toMatchObject({ allow: false })
    }
  })

  it('denies an answer that took too long', async () => {
    const decisionPoint = await openDecisionPoint({ directory: 'policies/bundle', maxMillis: -1 })
    expect(decisionPoint.decide({})).toMatchObject(denied)
  })
})
