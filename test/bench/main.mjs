// `npm run bench [-- name... --seconds N --rounds N]`: bundles the benchmarks into dist/bench and runs them. Packages stay outside of the bundle, so that
// what is measured and what it is measured against use the same ones.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const out = fileURLToPath(new URL('../../dist/bench/', import.meta.url))

/** A module of ours that reads files beside itself finds those of its source. */
const keepOwnPlace = {
  name: 'keep-own-place',
  setup(build) {
    build.onLoad({ filter: /[\\/]services[\\/].*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      if (!source.includes('import.meta.url')) return undefined
      return { contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts' }
    })
  },
}

// Files of an earlier bundle stay: a run of it may still read them.
const esbuild = await import('esbuild')
mkdirSync(out, { recursive: true })
await esbuild.build({
  entryPoints: readdirSync(here)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(here, file)),
  outdir: out,
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  plugins: [keepOwnPlace],
  logLevel: 'warning',
})
await esbuild.stop()
await import(pathToFileURL(join(out, 'cli.js')).href)
