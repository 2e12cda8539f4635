import { describe, expect, it } from '@jest/globals'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockDirectory } from './directory-lock.js'
import { newDirectory } from './testing.js'

describe('lockDirectory()', () => {
  it('gives it to one, and to the next after its release', async () => {
    const directory = await newDirectory()
    const all = await Promise.all(Array.from({ length: 10 }, () => lockDirectory(directory)))
    const held = all.filter((lock) => lock !== undefined)
    expect(held).toHaveLength(1)
    expect(await lockDirectory(directory)).toBeUndefined()
    await held[0]!.release(directory)
    expect(await lockDirectory(directory)).toBeDefined()
    expect(await lockDirectory(directory)).toBeUndefined()
    expect((await readdir(directory)).filter((name) => name.startsWith('lock.'))).toEqual(['lock.2'])
  })

  it('takes it from the dead, by pid and by start time, once', async () => {
    const directory = await newDirectory()
    await writeFile(join(directory, 'lock.7'), JSON.stringify({ pid: 2 ** 22 + 1, started: '' }))
    const all = await Promise.all(Array.from({ length: 10 }, () => lockDirectory(directory)))
    expect(all.filter((lock) => lock !== undefined)).toHaveLength(1)
    const reused = await newDirectory()
    await writeFile(join(reused, 'lock.1'), JSON.stringify({ pid: process.pid, started: 'another boot/1' }))
    expect(await lockDirectory(reused)).toBeDefined()
  })
})
