import { describe, expect, it } from '@jest/globals'
import { parseOptions } from '@node-rs/argon2'
import { createPasswords } from './passwords.js'

const soon = () => AbortSignal.timeout(20_000)

describe('createPasswords()', () => {
  it('hashes with Argon2id and the parameters that OWASP names, salted', async () => {
    const passwords = createPasswords()
    const [one, other] = await Promise.all([passwords.hash('the same words', soon()), passwords.hash('the same words', soon())])
    expect(one).not.toBe(other)
    expect(parseOptions(one)).toMatchObject({
      algorithm: 2,
      version: 1,
      memoryCost: 19_456,
      timeCost: 2,
      parallelism: 1,
      saltLen: 16,
      outputLen: 32,
    })
    expect(await passwords.verify('the same words', other, soon())).toBe(true)
    expect(await passwords.verify('other words', other, soon())).toBe(false)
    expect(await passwords.verify('the same words', undefined, soon())).toBe(false)
  })

  it('computes no more at once than it may, in order of arrival', async () => {
    const passwords = createPasswords({ concurrency: 1, waiting: 10 })
    const order: number[] = []
    await Promise.all(
      [0, 1, 2, 3, 4].map(async (i) => {
        await passwords.hash('x', soon())
        order.push(i)
      }),
    )
    expect(order).toEqual([0, 1, 2, 3, 4])
  })

  it('refuses whoever finds the queue full, at once', async () => {
    const passwords = createPasswords({ concurrency: 1, waiting: 2 })
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => passwords.hash('x', soon())))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(results.filter((result) => result.status === 'rejected' && result.reason.reason === 'RATE_LIMITED')).toHaveLength(3)
  })

  it('lets a call whose time is over leave the queue, and goes on with the rest', async () => {
    const passwords = createPasswords({ concurrency: 1, waiting: 10 })
    const first = passwords.hash('x', soon())
    const leaving = new AbortController()
    const left = passwords.hash('x', leaving.signal)
    const last = passwords.hash('x', soon())
    leaving.abort()
    await expect(left).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    await Promise.all([first, last])
    await expect(passwords.hash('x', AbortSignal.abort())).rejects.toThrow()
  })

  it('leaves the event loop free', async () => {
    const passwords = createPasswords({ concurrency: 2, waiting: 100 })
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await Promise.all(Array.from({ length: 10 }, () => passwords.hash('x', soon())))
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5)
  })
})
