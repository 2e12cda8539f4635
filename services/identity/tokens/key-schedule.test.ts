import { describe, expect, it } from '@jest/globals'
import { schedule } from './key-schedule.js'

const PERIODS = { rotate: 1000, ahead: 100, retain: 50 }
const key = (generation: number, activeFrom: number) => ({ generation, activeFrom })

describe('schedule()', () => {
  it('asks for a first key that signs at once', () => {
    expect(schedule([], 5, PERIODS)).toEqual({ active: undefined, published: [], over: [], next: { generation: 1, activeIn: 0 } })
  })

  it('asks for the next key ahead of its turn, and once', () => {
    expect(schedule([key(1, 0)], 899, PERIODS).next).toBeUndefined()
    expect(schedule([key(1, 0)], 900, PERIODS).next).toEqual({ generation: 2, activeIn: 100 })
    expect(schedule([key(1, 0), key(2, 1000)], 950, PERIODS)).toMatchObject({ active: key(1, 0), next: undefined })
  })

  it('publishes a key before it signs, and after until its last token is over', () => {
    const keys = [key(1, 0), key(2, 1000)]
    expect(schedule(keys, 950, PERIODS)).toMatchObject({ active: key(1, 0), published: keys })
    expect(schedule(keys, 1000, PERIODS)).toMatchObject({ active: key(2, 1000), published: keys })
    expect(schedule(keys, 1049, PERIODS).published).toEqual(keys)
    expect(schedule(keys, 1050, PERIODS)).toMatchObject({ active: key(2, 1000), published: [key(2, 1000)], over: [key(1, 0)] })
  })

  it('lets a next key wait until everyone can know it, even when rotation is overdue', () => {
    expect(schedule([key(1, 0)], 50_000, PERIODS).next).toEqual({ generation: 2, activeIn: 100 })
  })

  it('always has a key that signs once it had one, and only published ones sign', () => {
    let keys: { generation: number; activeFrom: number }[] = []
    for (let now = 0; now < 10_000; now += 7) {
      const { next, over, active } = schedule(keys, now, PERIODS)
      if (next) keys = [...keys, key(next.generation, now + next.activeIn)]
      keys = keys.filter((one) => !over.includes(one))
      expect(schedule(keys, now, PERIODS).published).toContain(schedule(keys, now, PERIODS).active)
      if (now > 0) expect(active).toBeDefined()
    }
    expect(keys.at(-1)!.generation).toBeGreaterThan(8)
  })
})
