// Compiles policies/tenantry to the committed bundle. Needs OPA (see README.md for the version) on the PATH.
//
//   node policies/build.mjs            rebuild; a changed policy gets the next revision
//   node policies/build.mjs --check    rebuild aside and compare byte for byte; exit 1 on any difference
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ENTRYPOINT = 'tenantry/entry/answer'
const here = import.meta.dirname
const bundle = join(here, 'bundle')
const release = join(here, '../services/platform/policy/release.ts')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

const run = (command, args) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: here })
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? stderr.toString()}`)
  return stdout
}

/** Every file that decides what the policy says, by path: rules, data, capabilities. Tests and words are none of them. */
const sources = () =>
  Object.fromEntries(
    ['capabilities.json', ...readdirSync(join(here, 'tenantry'), { recursive: true }).map((name) => `tenantry/${name}`)]
      .filter((name) => /\.(rego|json)$/.test(name) && !name.endsWith('_test.rego'))
      .sort()
      .map((name) => [name, sha256(readFileSync(join(here, name)))]),
  )

/** The output is reproducible only from the same relative paths, hence `-b .`. */
const compile = () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-policy-'))
  try {
    const out = join(folder, 'out.tar.gz')
    const skip = ['--ignore', '*_test.rego', '--ignore', 'bundle']
    run('opa', [
      'build',
      '-t',
      'wasm',
      '-e',
      ENTRYPOINT,
      '--prune-unused',
      ...skip,
      '--capabilities',
      'capabilities.json',
      '-b',
      '.',
      '-o',
      out,
    ])
    return { wasm: run('tar', ['-xzOf', out, '/policy.wasm']), data: run('tar', ['-xzOf', out, '/data.json']) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const read = (name) => {
  try {
    return readFileSync(join(bundle, name))
  } catch {
    return Buffer.alloc(0)
  }
}

const { wasm, data } = compile()
const before = JSON.parse(read('manifest.json').toString() || '{"revision":0}')
const hashes = { wasm_sha256: sha256(wasm), data_sha256: sha256(data) }
const same = before.wasm_sha256 === hashes.wasm_sha256 && before.data_sha256 === hashes.data_sha256
const check = process.argv.includes('--check')
const revision = same || check ? before.revision : before.revision + 1
const manifest = Buffer.from(JSON.stringify({ revision, entrypoint: ENTRYPOINT, ...hashes, sources: sources() }, null, 2) + '\n')
const files = { 'policy.wasm': wasm, 'data.json': data, 'manifest.json': manifest }
const constant = `// Written by policies/build.mjs: the bundle that this release was built with.\nexport const RELEASE_MANIFEST_SHA256 = '${sha256(manifest)}'\n`

if (check) {
  const differing = Object.keys(files).filter((name) => !files[name].equals(read(name)))
  if (readFileSync(release, 'utf8') !== constant) differing.push('release.ts')
  if (differing.length > 0) throw new Error(`the committed bundle is not what its sources compile to: ${differing.join(', ')}`)
  console.log(`policy bundle: revision ${revision}, as its sources compile`)
} else {
  mkdirSync(bundle, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(bundle, name), bytes)
  writeFileSync(release, constant)
  console.log(`policy bundle: revision ${revision}${same ? ', unchanged' : ''}`)
}
