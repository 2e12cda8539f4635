// `npm start`, `npm run mesh`, `npm run demo` and `npm run bench`: builds if the bundle is stale, then runs in this very process, so that signals reach it.
import { build } from './build.mjs'

const started = performance.now()
const [mode, ...rest] = process.argv.slice(2)
const modes = {
  '--mesh': ['../dist/services/run/main.js', ['mesh']],
  '--demo': ['../dist/services/cli/main.js', ['demo']],
  '--bench': ['../test/bench/main.mjs', []],
}
const isMode = mode !== undefined && mode in modes

if (await build()) console.log(`built in ${Math.round(performance.now() - started)} ms`)
const [entry, args] = isMode ? modes[mode] : ['../dist/services/run/main.js', ['all']]
process.argv.splice(2, process.argv.length, ...args, ...(isMode ? rest : process.argv.slice(2)))
await import(entry)
