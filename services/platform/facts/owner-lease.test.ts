import { describe, expect, it } from '@jest/globals'
import type { Fact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { workDeadline } from '../mesh/deadline.js'
import { ACME, BOB, GLOBEX, roleFact, subjectFact, tenantFact } from '../policy/testing.js'
import { ownerLease } from './owner-lease.js'
import type { FactSource } from './owner-lease.js'

type Step = Partial<{ facts: Fact[]; cursor: string; reset: boolean; more: boolean; takes: number; fails: boolean }>

/** An owner that answers step by step, and the clock that it moves. */
const scripted = (steps: Step[]) => {
  let time = 0
  const asked: string[] = []
  const source: FactSource = {
    name: 'owner',
    renew: (cursor) => {
      asked.push(Buffer.from(cursor).toString())
      const { facts = [], cursor: next = 'next', reset = false, more = false, takes = 0, fails = false } = steps.shift() ?? {}
      time += takes
      return fails ? Promise.reject(new Error('gone')) : Promise.resolve({ facts, cursor: Buffer.from(next), reset, more })
    },
  }
  return { lease: ownerLease(source, 750, () => time), asked }
}
const deadline = () => workDeadline(1000)

describe('ownerLease()', () => {
  it('is leased from when the call was sent, not from when it was answered', async () => {
    const { lease } = scripted([{ reset: true, takes: 200 }])
    expect(lease.leasedUntil).toBe(-Infinity)
    await lease.renew(deadline())
    expect(lease.leasedUntil).toBe(750)
  })

  it('passes the cursor on', async () => {
    const { lease, asked } = scripted([{ cursor: 'a' }, { cursor: 'b' }, {}])
    for (let i = 0; i < 3; i++) await lease.renew(deadline())
    expect(asked).toEqual(['', 'a', 'b'])
  })

  it('takes the higher version, whatever the order', async () => {
    const { lease } = scripted([
      { reset: true, facts: [tenantFact(ACME, 3n, 'suspended')] },
      { facts: [tenantFact(ACME, 2n), tenantFact(ACME, 3n)] },
    ])
    expect(await lease.renew(deadline())).toEqual(new Set([ACME]))
    expect(await lease.renew(deadline())).toEqual(new Set())
    expect(lease.maps.tenants.get(ACME)?.status).toBe('suspended')
  })

  it('is leased by no page of a listing, but by the whole answer after it', async () => {
    const { lease, asked } = scripted([
      { reset: true, more: true, cursor: 'p1', facts: [tenantFact(ACME)], takes: 10 },
      { cursor: 'p2', facts: [tenantFact(GLOBEX)], takes: 10 },
      { cursor: 'c', takes: 10 },
    ])
    await lease.renew(deadline())
    expect(asked).toEqual(['', 'p1', 'p2'])
    expect(lease.leasedUntil).toBe(20 + 750)
    expect([...lease.maps.tenants.keys()]).toEqual([ACME, GLOBEX])
  })

  it('keeps what it knew until a reset is whole, and forgets what is not in it', async () => {
    const { lease } = scripted([
      { reset: true, facts: [tenantFact(ACME), tenantFact(GLOBEX)] },
      { reset: true, more: true, facts: [tenantFact(ACME)] },
      { fails: true },
      { reset: true, facts: [tenantFact(ACME)] },
    ])
    await lease.renew(deadline())
    await expect(lease.renew(deadline())).rejects.toThrow('gone')
    expect(lease.maps.tenants.has(GLOBEX)).toBe(true)
    expect(await lease.renew(deadline())).toEqual(new Set([ACME, GLOBEX]))
    expect(lease.maps.tenants.has(GLOBEX)).toBe(false)
  })

  it('tells of what a renewal changed that failed half-way', async () => {
    const { lease } = scripted([
      { reset: true },
      { more: true, facts: [tenantFact(ACME, 2n)] },
      { fails: true },
      { facts: [tenantFact(ACME, 2n)] },
    ])
    await lease.renew(deadline())
    await expect(lease.renew(deadline())).rejects.toThrow('gone')
    expect(await lease.renew(deadline())).toEqual(new Set([ACME]))
  })

  it('throws a late answer away when another renewal has taken its place', async () => {
    const answers: ((facts: Fact[]) => void)[] = []
    const lease = ownerLease(
      {
        name: 'owner',
        renew: () =>
          new Promise((resolve) => answers.push((facts) => resolve({ facts, cursor: Buffer.from('c'), reset: true, more: false }))),
      },
      750,
      () => 0,
    )
    const first = lease.renew(deadline())
    const second = lease.renew(deadline())
    answers[1]!([tenantFact(ACME, 2n, 'suspended')])
    await second
    answers[0]!([tenantFact(ACME, 1n)])
    await expect(first).rejects.toThrow('taken its place')
    expect(lease.maps.tenants.get(ACME)?.status).toBe('suspended')
  })

  it('keeps subjects and roles of tenants apart, and gives a slug back', async () => {
    const other = { ...tenantFact(GLOBEX, 2n) }
    if (other.fact.case === 'tenant') other.fact.value.deleted = true
    const { lease } = scripted([
      { reset: true, facts: [tenantFact(GLOBEX), subjectFact(ACME, BOB), roleFact(ACME, 'rol_1', ['*']), roleFact(GLOBEX, 'rol_1', [])] },
      { facts: [other] },
    ])
    await lease.renew(deadline())
    expect(lease.maps.slugs.size).toBe(1)
    expect([...lease.maps.roles.keys()]).toEqual([`${ACME}/rol_1`, `${GLOBEX}/rol_1`])
    await lease.renew(deadline())
    expect(lease.maps.slugs.size).toBe(0)
  })
})
