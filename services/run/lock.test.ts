import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals'
import { StateDirectoryInUse, lockDirectory } from './lock.js'

const base = mkdtempSync(join(tmpdir(), 'tenantry-lock-'))
afterAll(() => rmSync(base, { recursive: true }))
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(base, 'd-'))
})

describe('lockDirectory()', () => {
  it('refuses a second one and names its process', () => {
    const release = lockDirectory(directory)
    expect(() => lockDirectory(directory)).toThrow(new StateDirectoryInUse(directory, process.pid))
    release()
    lockDirectory(directory)()
    expect(readdirSync(directory)).toEqual([])
  })

  it('takes over what a dead process left', () => {
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, began: '1' }))
    lockDirectory(directory)()
  })

  it('takes over when the pid belongs to another process by now', () => {
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: process.ppid, began: '1' }))
    lockDirectory(directory)()
  })

  it('negative control: a living process without a time of birth keeps it', () => {
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: process.ppid, began: '' }))
    expect(() => lockDirectory(directory)).toThrow(StateDirectoryInUse)
  })

  it('takes over a torn lock', () => {
    writeFileSync(join(directory, 'lock'), '{"pid":')
    lockDirectory(directory)()
  })
})
