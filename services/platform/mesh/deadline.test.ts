import { describe, expect, it } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppError } from './errors.js'
import { parseTimeout, startDeadline } from './deadline.js'

describe('startDeadline()', () => {
  it('caps what is missing and what is too long, beyond what a timer takes too (threats 44)', async () => {
    for (const asked of [undefined, 60_000, 40 * 24 * 3_600_000, Infinity]) {
      const deadline = startDeadline(asked, 40)
      expect(deadline.remaining()).toBeLessThanOrEqual(40)
      await sleep(60)
      expect(deadline.ended?.reason).toBe('DEADLINE_EXCEEDED')
      expect(deadline.signal.aborted).toBe(true)
    }
  })

  it('does not fire at once for a cap beyond 24.8 days, as a bare timer would', async () => {
    const deadline = startDeadline(undefined, 40 * 24 * 3_600_000)
    await sleep(20)
    expect(deadline.ended).toBeUndefined()
    deadline.settle()
    let fired = false
    const bare = setTimeout(() => (fired = true), 40 * 24 * 3_600_000)
    await sleep(20)
    clearTimeout(bare)
    expect(fired).toBe(true)
  })

  it('aborts its signal when the caller cancels, and says so once', () => {
    const deadline = startDeadline(1_000, 1_000)
    const { signal } = deadline
    const why: AppError[] = []
    deadline.onEnded((error) => why.push(error))
    deadline.cancel()
    deadline.cancel()
    expect(signal.aborted).toBe(true)
    expect(why.map(({ reason }) => reason)).toEqual(['CANCELLED'])
  })

  it('is quiet once settled', async () => {
    const deadline = startDeadline(10, 10)
    deadline.settle()
    await sleep(25)
    expect(deadline.ended).toBeUndefined()
  })
})

describe('parseTimeout()', () => {
  it('reads what gRPC allows and nothing else', () => {
    expect(parseTimeout('10S')).toBe(10_000)
    expect(parseTimeout('99999999H')).toBe(99_999_999 * 3_600_000)
    expect(parseTimeout('1m')).toBe(1)
    for (const bad of ['', '10', 'S', '-1S', '123456789S', '1.5S', '1 S', '1S1S', '0x1S']) expect(parseTimeout(bad)).toBeUndefined()
  })
})
