import { describe, expect, it } from '@jest/globals'
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLocalKeyring } from './local-keyring.js'

const newPath = async (): Promise<string> => join(await mkdtemp(join(tmpdir(), 'tenantry-keyring-')), 'state', 'keyring.json')
const context = { tenant: 'ten_01k00000000000000000000001' }
const plaintext = Buffer.alloc(32, 9)

describe('openLocalKeyring()', () => {
  it('unwraps what it wrapped, also after a restart, in a file that only its owner reads', async () => {
    const path = await newPath()
    const wrapped = await (await openLocalKeyring({ path })).wrap('keks', plaintext, context)
    const again = await openLocalKeyring({ path })
    expect(Buffer.from(await again.unwrap('keks', wrapped, context))).toEqual(plaintext)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('refuses another name, another context, and every flipped byte', async () => {
    const kms = await openLocalKeyring({ path: await newPath() })
    const wrapped = await kms.wrap('keks', plaintext, context)
    const refused = { reason: 'KEYS_UNAVAILABLE' }
    await expect(kms.unwrap('other', wrapped, context)).rejects.toMatchObject(refused)
    await expect(kms.unwrap('keks', wrapped, {})).rejects.toMatchObject(refused)
    await expect(kms.unwrap('keks', wrapped, { tenant: context.tenant + '0' })).rejects.toMatchObject(refused)
    await expect(kms.unwrap('keks', wrapped, { ...context, more: '' })).rejects.toMatchObject(refused)
    for (let i = 0; i < wrapped.length; i++) {
      const flipped = Buffer.from(wrapped)
      flipped[i]! ^= 1
      await expect(kms.unwrap('keks', flipped, context)).rejects.toMatchObject(refused)
    }
    await expect(kms.unwrap('keks', new Uint8Array(), context)).rejects.toMatchObject(refused)
    await expect(kms.unwrap('keks', wrapped, context)).resolves.toBeDefined()
  })

  it('is made once, however many open it at once', async () => {
    const path = await newPath()
    const all = await Promise.all(Array.from({ length: 8 }, () => openLocalKeyring({ path })))
    const wrapped = await all[0]!.wrap('keks', plaintext, context)
    for (const kms of all) expect(Buffer.from(await kms.unwrap('keks', wrapped, context))).toEqual(plaintext)
  })

  it('leaves a damaged file, or one of another root key, as it is', async () => {
    const path = await newPath()
    await openLocalKeyring({ path, rootKey: Buffer.alloc(32, 1) })
    const before = await readFile(path, 'utf8')
    expect(before).not.toContain(Buffer.alloc(32, 1).toString('base64'))
    await expect(openLocalKeyring({ path, rootKey: Buffer.alloc(32, 2) })).rejects.toThrow('belongs to another root key')
    await expect(openLocalKeyring({ path })).rejects.toThrow('needs the root key')
    expect(await readFile(path, 'utf8')).toBe(before)
    await writeFile(path, '{"version":1,')
    await expect(openLocalKeyring({ path, rootKey: Buffer.alloc(32, 1) })).rejects.toThrow('damaged')
    expect(await readFile(path, 'utf8')).toBe('{"version":1,')
  })

  it('takes its root key from a file: raw, hex or base64', async () => {
    const path = await newPath()
    const root = Buffer.alloc(32, 5)
    const wrapped = await (await openLocalKeyring({ path, rootKey: root })).wrap('keks', plaintext, context)
    for (const text of [root, root.toString('hex') + '\n', root.toString('base64')]) {
      const rootKeyFile = `${path}.root`
      await writeFile(rootKeyFile, text)
      expect(Buffer.from(await (await openLocalKeyring({ path, rootKeyFile })).unwrap('keks', wrapped, context))).toEqual(plaintext)
    }
  })

  it('serves no more once closed', async () => {
    const kms = await openLocalKeyring({ path: await newPath() })
    kms.close()
    expect(await kms.ready()).toBe(false)
    await expect(kms.wrap('keks', plaintext, context)).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
  })
})
