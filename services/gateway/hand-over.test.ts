import { describe, expect, it } from '@jest/globals'
import { createHandOver } from './hand-over.js'

describe('createHandOver()', () => {
  it('hands values over in order and ends', async () => {
    const { give, end, taken } = createHandOver<number>()
    const producing = (async () => {
      for (const n of [1, 2, 3]) await give(n)
      end()
    })()
    const seen = []
    for await (const n of taken) seen.push(n)
    await producing
    expect(seen).toEqual([1, 2, 3])
  })

  it('holds the producer back until the reader comes again', async () => {
    const { give, taken } = createHandOver<number>()
    let given = 0
    const producing = (async () => {
      for (;;) {
        await give(given)
        given++
      }
    })()
    producing.catch(() => {})
    const reader = taken[Symbol.asyncIterator]()
    await reader.next()
    await new Promise((resolve) => setImmediate(resolve))
    expect(given).toBe(0)
    await reader.next()
    expect(given).toBe(1)
    await reader.return!()
    await expect(producing).rejects.toThrow('went away')
  })

  it('fails the reader with what the producer failed with', async () => {
    const { fail, taken } = createHandOver<number>()
    fail(new Error('broken'))
    await expect(taken[Symbol.asyncIterator]().next()).rejects.toThrow('broken')
  })
})
