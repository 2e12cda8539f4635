import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { PLATFORM_TENANT } from '../ids.js'
import { openDecisionPoint } from './open-decision-point.js'
import type { OpenDecisionPoint } from './open-decision-point.js'
import { ACME, ALICE, BOB, GLOBEX } from './testing.js'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Input = { [key: string]: Json }

let decisionPoint: OpenDecisionPoint
beforeAll(async () => {
  decisionPoint = await openDecisionPoint({ directory: 'policies/bundle' })
})
afterAll(() => decisionPoint.close())

/** Inputs over a small world, most of them denied, many for one reason alone. Written with every key, so that each can be mutated. */
const inputs: fc.Arbitrary<Input> = fc
  .record({
    service: fc.constantFrom('gateway', 'data', 'tenant', ''),
    machine: fc.constantFrom('', ACME, GLOBEX),
    workloadRegion: fc.constantFrom('local', 'local', 'elsewhere'),
    token: fc.boolean(),
    tenant: fc.constantFrom(ACME, ACME, PLATFORM_TENANT),
    permissions: fc.constantFrom([], ['data.record.read'], ['data.record.read_own', 'data.record.list_own'], ['data.*'], ['*']),
    status: fc.constantFrom('active', 'active', 'active', 'suspended', 'revoked', 'unknown'),
    binding: fc.constantFrom('none', 'none', 'matched', 'forwarded', 'mismatched'),
    tenantStatus: fc.constantFrom('active', 'active', 'active', 'suspended', 'unknown'),
    action: fc.constantFrom(
      'data.record.read',
      'data.record.list',
      'identity.session.revoke',
      'identity.session.list',
      'tenant.tenant.suspend',
      'platform.facts.renew',
      'audit.event.list',
    ),
    named: fc.constantFrom(ACME, ACME, GLOBEX, PLATFORM_TENANT),
    owner: fc.constantFrom(ALICE, BOB),
    classification: fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
    callers: fc.constantFrom(['subject'], ['subject', 'operator'], ['operator'], ['workload'], ['anonymous'], ['subject', 'workload']),
    rowFacts: fc.constantFrom([], ['owner'], ['owner', 'classification']),
    withRow: fc.boolean(),
    view: fc.constantFrom('basic', 'full'),
  })
  .map((v) => ({
    workload: {
      spiffe_id: 'spiffe://tenantry.local/x',
      service: v.service,
      tenant: v.service === '' ? v.machine : '',
      region: v.workloadRegion,
    },
    ...(v.token
      ? {
          subject: {
            id: BOB,
            kind: 'user',
            tenant: v.tenant,
            roles: ['rol_1'],
            permissions: v.permissions,
            status: v.status,
            region: 'local',
            binding: v.binding,
            tenant_status: v.tenantStatus,
          },
        }
      : {}),
    action: v.action,
    resource: {
      type: 'record',
      id: 'r1',
      tenant: v.named,
      region: 'local',
      attributes: { view: v.view, user_id: v.owner },
      ...(v.withRow ? { owner: v.owner, classification: v.classification } : {}),
    },
    tenant: { id: v.named, status: v.tenantStatus, tier: 'standard', region: 'local' },
    context: { service: 'data', callers: v.callers, region: 'local', row_facts: v.rowFacts, with_row: v.withRow },
  })) as unknown as fc.Arbitrary<Input>

/** Every place in an input, the root left out. */
const places = (value: Json, path: (string | number)[] = []): (string | number)[][] => {
  const inside =
    typeof value === 'object' && value !== null
      ? (Array.isArray(value) ? [...value.keys()] : Object.keys(value)).flatMap((key) =>
          places((value as Record<string | number, Json>)[key]!, [...path, key]),
        )
      : []
  return path.length === 0 ? inside : [path, ...inside]
}

const replaced = (input: Input, path: (string | number)[], make: (old: Json) => Json): Input => {
  const copy = structuredClone(input)
  let at = copy as unknown as Record<string | number, Json>
  for (const key of path.slice(0, -1)) at = at[key] as unknown as Record<string | number, Json>
  const last = path.at(-1)!
  at[last] = make(at[last]!)
  return copy
}

/** Values of other types; and the same value hidden in another type. Never a value that says something else of the same type. */
const mutations: ((old: Json) => Json)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => 1,
  () => -1e308,
  () => [],
  () => ({}),
  (old) => [old],
  (old) => [[old], old],
  (old) => ({ value: old }),
  (old) => ({ '0': old, length: 1 }),
  (old) => ({ __proto__: null, constructor: { prototype: { allow: true } }, value: old }),
  (old) => (typeof old === 'string' ? Number(old) || 7 : String(old)),
  (old) => (typeof old === 'string' ? `${old}\u0000` : 'true'),
  (old) => (Array.isArray(old) ? old.join(',') : [null, true]),
]
/** Another value of the same type is another statement, not a lie about types. Lists of other things count: what they hold is of other types. */
const sameType = (a: Json, b: Json): boolean => typeof a === typeof b && typeof a !== 'object'

/** What of an input that is denied could be changed so that it is allowed. */
const allowedByMutation = (input: Input, decide: (input: Input) => { allow: boolean }): string[] => {
  const found: string[] = []
  if (decide(input).allow) return found
  for (const path of places(input)) {
    for (const mutate of mutations) {
      const mutant = replaced(input, path, mutate)
      const before = path.reduce<Json>((value, key) => (value as Record<string | number, Json>)[key]!, input)
      const after = path.reduce<Json>((value, key) => (value as Record<string | number, Json>)[key]!, mutant)
      if (sameType(before, after)) continue
      if (decide(mutant).allow) found.push(`${path.join('.')}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`)
    }
  }
  return found
}

describe('the policy that ships', () => {
  it('never allows what it denied because a field is of another type (threats 22)', () => {
    let denied = 0
    fc.assert(
      fc.property(inputs, (input) => {
        if (!decisionPoint.decide(input).allow) denied++
        expect(allowedByMutation(input, (mutant) => decisionPoint.decide(mutant))).toEqual([])
      }),
      { numRuns: 40 },
    )
    expect(denied).toBeGreaterThan(20)
  })

  it('would show a policy that denies by what it finds, instead of allowing by it: the control', () => {
    const denyList = (input: Input) => ({ allow: (input.subject as Input | undefined)?.status !== 'suspended' })
    const suspended = fc.sample(inputs, 200).filter((input) => !denyList(input).allow)
    expect(suspended.length).toBeGreaterThan(0)
    for (const input of suspended) expect(allowedByMutation(input, denyList)).not.toEqual([])
  })

  it('never allows what it denied because a key is missing, but for the token of a call that needs none', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        if (decisionPoint.decide(input).allow) return
        for (const path of places(input)) {
          if (typeof path.at(-1) === 'number' || path.join() === 'subject') continue
          const copy = structuredClone(input)
          const parent = path.slice(0, -1).reduce<Json>((value, key) => (value as Record<string | number, Json>)[key]!, copy)
          Reflect.deleteProperty(parent as object, path.at(-1)!)
          expect([path.join('.'), decisionPoint.decide(copy).allow]).toEqual([path.join('.'), false])
        }
      }),
      { numRuns: 100 },
    )
  })

  it('allows some of these inputs: otherwise the tests above would say nothing', () => {
    const allowed = fc.sample(inputs, 2000).filter((input) => decisionPoint.decide(input).allow)
    expect(allowed.length).toBeGreaterThan(50)
    expect(new Set(allowed.map((input) => input.action)).size).toBeGreaterThan(4)
  })
})
