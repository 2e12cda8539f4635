import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals'
import { keepSecrets, readSecrets } from '../platform/runtime/secrets.js'
import { StateDirectoryInUse } from './lock.js'
import { NotAStateDirectory, openStateDirectory } from './state-directory.js'

const base = mkdtempSync(join(tmpdir(), 'tenantry-state-'))
afterAll(() => rmSync(base, { recursive: true }))
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(base, 'd-'))
})
const databases = { passwords: { data_owner: 'p' }, contextKeys: {} }

describe('openStateDirectory()', () => {
  it('makes one that nobody else can list, and holds it', async () => {
    const path = join(directory, 'new')
    const state = await openStateDirectory(path, false)
    expect(statSync(path).mode & 0o077).toBe(process.getuid?.() === 0 ? 0o011 : 0)
    await expect(openStateDirectory(path, false)).rejects.toThrow(StateDirectoryInUse)
    state.release()
  })

  it('empties what is ours when it begins anew, and nothing else', async () => {
    keepSecrets(directory, () => databases)
    mkdirSync(join(directory, 'journal'))
    writeFileSync(join(directory, 'notes.txt'), 'mine')
    const state = await openStateDirectory(directory, true)
    expect(existsSync(join(directory, 'secrets.json'))).toBe(false)
    expect(existsSync(join(directory, 'journal'))).toBe(false)
    expect(existsSync(join(directory, 'notes.txt'))).toBe(true)
    state.release()
  })

  it('leaves a directory alone that is something else', async () => {
    writeFileSync(join(directory, 'thesis.tex'), '')
    await expect(openStateDirectory(directory, true)).rejects.toThrow(NotAStateDirectory)
    expect(existsSync(join(directory, 'lock'))).toBe(false)
  })
})

describe('keepSecrets()', () => {
  it('draws each secret once, for its owner alone to read', () => {
    const made = keepSecrets(directory, () => databases)
    expect(statSync(join(directory, 'secrets.json')).mode & 0o777).toBe(0o600)
    expect(new Set([made.pageTokens, made.journal, made.requests]).size).toBe(3)
    const completed = keepSecrets(directory, (kept) => ({ ...kept!, passwords: { ...kept!.passwords, data_relay: 'q' } }))
    expect(completed).toMatchObject({ pageTokens: made.pageTokens, journal: made.journal, requests: made.requests })
    expect(readSecrets(directory)!.databases.passwords).toEqual({ data_owner: 'p', data_relay: 'q' })
  })

  it('never draws anew over a damaged file, and does not quote it', () => {
    writeFileSync(join(directory, 'secrets.json'), '{"pageTokens": "hunter2",')
    expect(() => keepSecrets(directory, () => databases)).toThrow(/is damaged$/)
    expect(readFileSync(join(directory, 'secrets.json'), 'utf8')).toContain('hunter2')
  })
})
