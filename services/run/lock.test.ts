import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

  it('takes over from a killed process that nobody has waited for', async () => {
    // The shell never waits for its child, which stays a zombie while the shell lives.
    const shell = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const pid = Number((await once(shell.stdout!, 'data'))[0])
      const began = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]
      writeFileSync(join(directory, 'lock'), JSON.stringify({ pid, began }))
      expect(() => lockDirectory(directory)).toThrow(StateDirectoryInUse)
      process.kill(pid, 'SIGKILL')
      while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(' Z ')) await new Promise((resolve) => setTimeout(resolve, 5))
      lockDirectory(directory)()
    } finally {
      shell.kill('SIGKILL')
    }
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
