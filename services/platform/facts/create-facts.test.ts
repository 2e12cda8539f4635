import { afterEach, describe, expect, it } from '@jest/globals'
import type { Fact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { workDeadline } from '../mesh/deadline.js'
import { ACME, ADMIN, ALICE, GLOBEX, roleFact, subjectFact, tenantFact } from '../policy/testing.js'
import { createFacts } from './create-facts.js'
import type { FactsModel, FactsOptions } from './create-facts.js'

let open: FactsModel[] = []
afterEach(() => {
  for (const facts of open) facts.close()
  open = []
})

/** An owner in memory, whose answers can be held back and refused. */
const owner = (name: string, ...known: Fact[]) => {
  let gate: Promise<unknown> = Promise.resolve()
  const state = {
    name,
    calls: 0,
    up: true,
    known,
    hold: () => {
      let release!: () => void
      gate = new Promise<void>((resolve) => {
        release = resolve
      })
      return release
    },
    renew: async (cursor: Uint8Array) => {
      state.calls++
      // The snapshot is taken when the call arrives, not when it is answered.
      const facts = state.known.slice(cursor.length)
      const length = state.known.length
      await gate
      if (!state.up) throw new Error('unreachable')
      return { facts, cursor: new Uint8Array(length), reset: cursor.length === 0, more: false }
    },
  }
  return state
}
const create = (options: FactsOptions) => {
  const facts = createFacts({ renewMs: 60_000, minGapMs: 0, ...options })
  open.push(facts)
  return facts
}
const soon = () => workDeadline(2000)

describe('createFacts()', () => {
  it('knows nothing at first, then what its owners tell', async () => {
    const identity = owner('identity', subjectFact(ACME, ALICE, { grants: [{ roleId: ADMIN }] }), roleFact(ACME, ADMIN, ['*']))
    const tenant = owner('tenant', tenantFact(ACME), tenantFact(GLOBEX))
    const facts = create({ owners: [identity, tenant] })
    expect(facts.fresh()).toBe(false)
    expect(facts.age()).toBe(Infinity)
    await facts.ensure(soon())
    expect(facts.fresh()).toBe(true)
    expect(facts.ensure(soon())).toBeUndefined()
    expect(facts.tenant(ACME)?.status).toBe('active')
    expect(facts.tenantBySlug(ACME.slice(4, 10))?.tenantId).toBe(ACME)
    expect(facts.subject(ACME, ALICE)?.grants).toHaveLength(1)
    expect(facts.role(ACME, ADMIN)?.actions).toEqual(['*'])
    expect(facts.subject(GLOBEX, ALICE)).toBeUndefined()
    expect([...facts.tenants()].map(({ tenantId }) => tenantId)).toEqual([ACME, GLOBEX])
  })

  it('is fresh for its lease only, and while every owner is', async () => {
    let time = 0
    const tenant = owner('tenant', tenantFact(ACME))
    const identity = owner('identity')
    const facts = create({ owners: [identity, tenant], leaseMs: 750, now: () => time })
    await facts.ensure(soon())
    time = 749
    expect(facts.fresh()).toBe(true)
    time = 750
    expect(facts.fresh()).toBe(false)
    identity.up = false
    await expect(facts.ensure(soon())).rejects.toMatchObject({ reason: 'FACTS_STALE' })
    expect(facts.fresh()).toBe(false)
    identity.up = true
    await facts.ensure(soon())
    expect(facts.fresh()).toBe(true)
  })

  it('asks once for all who wait', async () => {
    const tenant = owner('tenant', tenantFact(ACME))
    const facts = create({ owners: [tenant] })
    await Promise.all(Array.from({ length: 50 }, async () => facts.ensure(soon())))
    expect(tenant.calls).toBe(1)
    await Promise.all(Array.from({ length: 50 }, () => facts.refresh(soon())))
    expect(tenant.calls).toBe(2)
  })

  it('refreshes with a renewal that began after the call, not with one under way', async () => {
    const tenant = owner('tenant', tenantFact(ACME))
    const facts = create({ owners: [tenant] })
    await facts.ensure(soon())
    const release = tenant.hold()
    const early = facts.refresh(soon())
    await new Promise((resolve) => setTimeout(resolve, 10))
    tenant.known.push(tenantFact(ACME, 2n, 'suspended'))
    const late = facts.refresh(soon())
    release()
    await early
    await late
    expect(facts.tenant(ACME)?.status).toBe('suspended')
  })

  it('waits no longer than the call may', async () => {
    const tenant = owner('tenant')
    const release = tenant.hold()
    const facts = create({ owners: [tenant] })
    const started = performance.now()
    await expect(facts.ensure(workDeadline(30))).rejects.toMatchObject({ reason: 'FACTS_STALE' })
    expect(performance.now() - started).toBeLessThan(1000)
    release()
  })

  it('renews by itself, and goes on when an owner that hung or was gone is back', async () => {
    const tenant = owner('tenant', tenantFact(ACME))
    const renewals: boolean[] = []
    const facts = create({ owners: [tenant], renewMs: 10, timeoutMs: 30, onRenewal: (_, ok) => renewals.push(ok) })
    await facts.ensure(soon())
    const release = tenant.hold()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(renewals).toContain(false)
    release()
    tenant.known.push(tenantFact(ACME, 2n, 'suspended'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(facts.tenant(ACME)?.status).toBe('suspended')
    expect(renewals.at(-1)).toBe(true)
  })

  it('tells listeners which tenants changed, and counts it', async () => {
    const tenant = owner('tenant', tenantFact(ACME))
    const facts = create({ owners: [tenant] })
    await facts.ensure(soon())
    const told: string[][] = []
    const stop = facts.onChange((tenants) => told.push([...tenants]))
    const before = facts.generation()
    await facts.refresh(soon())
    expect(facts.generation()).toBe(before)
    tenant.known.push(tenantFact(GLOBEX))
    await facts.refresh(soon())
    expect(told).toEqual([[GLOBEX]])
    expect(facts.generation()).toBe(before + 1)
    stop()
    tenant.known.push(tenantFact(GLOBEX, 2n))
    await facts.refresh(soon())
    expect(told).toHaveLength(1)
  })

  it('knows revoked sessions', async () => {
    const facts = create({ owners: [owner('identity', subjectFact(ACME, ALICE, { revoked: ['ses_1'] }))] })
    await facts.ensure(soon())
    expect(facts.sessionRevoked(ACME, ALICE, 'ses_1')).toBe(true)
    expect(facts.sessionRevoked(ACME, ALICE, 'ses_2')).toBe(false)
    expect(facts.sessionRevoked(GLOBEX, ALICE, 'ses_1')).toBe(false)
  })

  it('renews no more when it is closed', async () => {
    const tenant = owner('tenant')
    const facts = create({ owners: [tenant], renewMs: 5 })
    await facts.ensure(soon())
    facts.close()
    const { calls } = tenant
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(tenant.calls).toBeLessThanOrEqual(calls + 1)
    await expect(facts.refresh(soon())).rejects.toMatchObject({ reason: 'FACTS_STALE' })
  })
})
