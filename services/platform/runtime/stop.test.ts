import { describe, expect, it } from '@jest/globals'
import { createStopList } from './stop.js'

describe('createStopList()', () => {
  it('stops in the opposite order, one after the other, whatever fails, once', async () => {
    const done: string[] = []
    const list = createStopList((name) => done.push(`${name} failed`))
    list.add('postgres', () => void done.push('postgres'))
    list.add('relay', () => Promise.reject(new Error('x')))
    list.add('gateway', async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      done.push('gateway')
    })
    await Promise.all([list.run(), list.run()])
    expect(done).toEqual(['gateway', 'relay failed', 'postgres'])
  })
})
