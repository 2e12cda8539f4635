import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/)

const Manifest = z.strictObject({
  revision: z.int().positive(),
  entrypoint: z.string().min(1),
  wasm_sha256: sha256Hex,
  data_sha256: sha256Hex,
  sources: z.record(z.string(), sha256Hex),
})

/** A policy as `policies/build.mjs` makes it, whose parts belong together. */
export interface Bundle {
  readonly revision: bigint
  /** The rule that is asked, as in `tenantry/entry/answer`. */
  readonly entrypoint: string
  readonly wasm: Buffer
  /** The policy's data document, JSON. */
  readonly data: string
  /** The manifest's bytes, as they were hashed. */
  readonly manifest: Buffer
  readonly wasmSha256: string
  readonly dataSha256: string
  readonly manifestSha256: string
  /** SHA-256 of each source, by path under `policies/`. */
  readonly sources: Readonly<Record<string, string>>
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const matches = (bytes: Uint8Array, expected: string): boolean =>
  timingSafeEqual(createHash('sha256').update(bytes).digest(), Buffer.from(expected, 'hex'))

/**
 * Reads the bundle of a directory (`policy.wasm`, `data.json`, `manifest.json`) and checks that its parts are those that the manifest names, and the
 * manifest the one that is expected, where a hash is given. Throws otherwise.
 */
export const loadBundle = async (directory: string, manifestSha256?: string): Promise<Bundle> => {
  const [wasm, data, manifest] = await Promise.all(
    ['policy.wasm', 'data.json', 'manifest.json'].map((name) => readFile(join(directory, name))),
  )
  return checkBundle({ wasm: wasm!, data: data!, manifest: manifest! }, manifestSha256)
}

/** The same for the three parts in memory. */
export const checkBundle = (parts: { wasm: Buffer; data: Buffer; manifest: Buffer }, manifestSha256?: string): Bundle => {
  if (manifestSha256 !== undefined && !matches(parts.manifest, manifestSha256))
    throw new Error('manifest.json is not the one that is expected')
  const manifest = Manifest.parse(JSON.parse(parts.manifest.toString('utf8')))
  if (!matches(parts.wasm, manifest.wasm_sha256)) throw new Error('policy.wasm is not what its manifest names')
  if (!matches(parts.data, manifest.data_sha256)) throw new Error('data.json is not what its manifest names')
  return {
    revision: BigInt(manifest.revision),
    entrypoint: manifest.entrypoint,
    wasm: parts.wasm,
    data: parts.data.toString('utf8'),
    manifest: parts.manifest,
    wasmSha256: manifest.wasm_sha256,
    dataSha256: manifest.data_sha256,
    manifestSha256: sha256(parts.manifest),
    sources: manifest.sources,
  }
}
