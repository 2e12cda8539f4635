import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { loadBundle, sha256 } from './bundle.js'
import { RELEASE_MANIFEST_SHA256 } from './release.js'

let directory: string
const file = (name: string) => join(directory, name)
const flip = (name: string, at: number) => {
  const bytes = readFileSync(file(name))
  bytes[at % bytes.length]! ^= 1
  writeFileSync(file(name), bytes)
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bundle-'))
  cpSync('policies/bundle', directory, { recursive: true })
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Sources as they lie in the working tree. Kept apart from the build, so that one checks the other. */
const sources = (): Record<string, string> => {
  const names = readdirSync('policies/tenantry', { recursive: true, encoding: 'utf8' }).map((name) => `tenantry/${name}`)
  const kept = [...names, 'capabilities.json'].filter((name) => /\.(rego|json)$/.test(name) && !name.endsWith('_test.rego')).sort()
  return Object.fromEntries(
    kept.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(`policies/${name}`))
        .digest('hex'),
    ]),
  )
}

describe('the committed bundle', () => {
  it('was built from the sources beside it: otherwise run node policies/build.mjs', async () => {
    expect((await loadBundle('policies/bundle')).sources).toEqual(sources())
  })

  it('is the one that the release accepts', async () => {
    expect((await loadBundle('policies/bundle')).manifestSha256).toBe(RELEASE_MANIFEST_SHA256)
  })
})

describe('loadBundle()', () => {
  it('reads a bundle whose parts belong together', async () => {
    const bundle = await loadBundle(directory, RELEASE_MANIFEST_SHA256)
    expect(bundle.revision).toBeGreaterThan(0n)
    expect(bundle.wasmSha256).toBe(sha256(bundle.wasm))
  })

  it.each(['policy.wasm', 'data.json', 'manifest.json'])('refuses a flipped byte anywhere in %s (threats 20)', async (name) => {
    const size = readFileSync(file(name)).length
    for (const at of [0, 1, Math.floor(size / 2), size - 2]) {
      flip(name, at)
      await expect(loadBundle(directory, RELEASE_MANIFEST_SHA256)).rejects.toThrow()
      flip(name, at)
    }
    await expect(loadBundle(directory, RELEASE_MANIFEST_SHA256)).resolves.toBeDefined()
  })

  it('refuses parts that were replaced together with their manifest, when it is told which it expects', async () => {
    const data = Buffer.from('{}')
    const manifest = JSON.parse(readFileSync(file('manifest.json'), 'utf8')) as Record<string, unknown>
    writeFileSync(file('data.json'), data)
    writeFileSync(file('manifest.json'), JSON.stringify({ ...manifest, data_sha256: sha256(data) }))
    await expect(loadBundle(directory, RELEASE_MANIFEST_SHA256)).rejects.toThrow('manifest.json is not the one that is expected')
    // Without the expectation nothing stands in the way: it is the defence.
    await expect(loadBundle(directory)).resolves.toBeDefined()
  })

  it.each(['policy.wasm', 'data.json', 'manifest.json'])('refuses a bundle without %s', async (name) => {
    rmSync(file(name))
    await expect(loadBundle(directory)).rejects.toThrow()
  })
})
