import fc from 'fast-check'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { RecordedDecision } from '../mesh/authorizer.js'
import { meshMethod } from '../mesh/method.js'
import { ListEventsRequestSchema, AuditService } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService, GetCollectionRequestSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { createAuthorizer } from './authorizer.js'
import { decisionCache, keyPart, MAX_AGE_MS } from './decision-cache.js'
import { openDecisionPoint } from './open-decision-point.js'
import type { OpenDecisionPoint } from './open-decision-point.js'
import { ACME, ALICE, subject, testCall, testFacts } from './testing.js'
import type { TestFacts } from './testing.js'

const allowed: RecordedDecision = { allow: true, reason: '', obligations: undefined, revision: 1n, cached: false, facts: {} }

describe('keyPart()', () => {
  const keyOf = (parts: string[]) => parts.map(keyPart).join('')

  it('gives different lists different keys (threats 27)', () => {
    const hostile = fc.oneof(fc.constantFrom('', ':', ';', '0:', '1:a', '-', '-0', '0', '1', 'é', 'e\u0301', '\0', '\ud800'), fc.string())
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 5 }), fc.array(hostile, { maxLength: 5 }), (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
      { numRuns: 1000 },
    )
  })

  it('would not without the lengths: the control', () => {
    expect(['a:b', 'c'].join(':')).toBe(['a', 'b:c'].join(':'))
    expect(keyOf(['a:b', 'c'])).not.toBe(keyOf(['a', 'b:c']))
  })
})

describe('decisionCache()', () => {
  it('is bounded, and forgets what was not asked for', () => {
    const cache = decisionCache(100)
    cache.set('kept', allowed, undefined)
    for (let i = 0; i < 1000; i++) {
      cache.set(`key ${i}`, allowed, undefined)
      cache.get('kept')
    }
    expect(cache.size).toBeLessThanOrEqual(200)
    expect(cache.get('kept')).toMatchObject({ cached: true })
    expect(cache.get('key 0')).toBeUndefined()
  })

  it('answers until the age is over or the token is, whichever is first', () => {
    let time = 0
    const cache = decisionCache(
      10,
      () => time,
      () => 50_000 + time,
    )
    cache.set('long', allowed, 1_000_000)
    cache.set('short', allowed, 51)
    cache.set('over', allowed, 50)
    expect([cache.get('long'), cache.get('short'), cache.get('over')].map((hit) => hit !== undefined)).toEqual([true, true, false])
    time = 1000
    expect(cache.get('short')).toBeUndefined()
    time = MAX_AGE_MS
    expect(cache.get('long')).toBeUndefined()
  })
})

describe('the key of a decision', () => {
  let decisionPoint: OpenDecisionPoint
  let facts: TestFacts
  beforeAll(async () => {
    decisionPoint = await openDecisionPoint({ directory: 'policies/bundle' })
    facts = await testFacts()
  })
  afterAll(() => {
    facts.close()
    decisionPoint.close()
  })

  it('keeps values apart that look alike (threats 27)', async () => {
    const authorizer = createAuthorizer({ service: 'data', region: 'local', decisionPoint, facts })
    const method = meshMethod(CollectionService.method.getCollection)
    const alike = ['1', '01', '-0', '0', '', 'é', 'e\u0301', 'a:b', 'a', '1:a', 'a\0', 'A', ' a', 'a;']
    for (const collectionId of alike) {
      for (const clientAddress of [undefined, '', ...alike]) {
        const call = testCall({ subject: subject(ACME, ALICE), clientAddress })
        const decision = await authorizer.decide(method, create(GetCollectionRequestSchema, { tenantId: ACME, collectionId }), call)
        // An unknown address and an empty one are the same to the policy.
        expect([collectionId, clientAddress, decision.cached]).toEqual([collectionId, clientAddress, clientAddress === ''])
      }
    }
  })

  it('has every request path of the option', async () => {
    const authorizer = createAuthorizer({ service: 'audit', region: 'local', decisionPoint, facts })
    const method = meshMethod(AuditService.method.listEvents)
    const ask = (view: number) =>
      authorizer.decide(method, create(ListEventsRequestSchema, { tenantId: ACME, view }), testCall({ subject: subject(ACME, ALICE) }))
    expect((await ask(1)).cached).toBe(false)
    expect((await ask(2)).cached).toBe(false)
    expect((await ask(1)).cached).toBe(true)
  })
})
