import { performance } from 'node:perf_hooks'
import { ConfigError, loadConfig } from '../platform/config/load.js'
import { stopOnSignals } from '../platform/runtime/stop.js'
import { VERSION } from '../platform/runtime/version.js'
import { runAll } from './all.js'
import { UsageError, parseArguments } from './arguments.js'
import { StateDirectoryInUse } from './lock.js'
import { runMesh } from './mesh.js'
import { NotAStateDirectory } from './state-directory.js'

const fail = (error: unknown): never => {
  const told =
    error instanceof UsageError ||
    error instanceof ConfigError ||
    error instanceof StateDirectoryInUse ||
    error instanceof NotAStateDirectory
  process.stderr.write(`${told || !(error instanceof Error) ? String((error as Error).message) : (error.stack ?? error.message)}\n`)
  process.exit(error instanceof UsageError || error instanceof ConfigError ? 2 : 1)
}

const run = async (): Promise<void> => {
  const { mode, fresh, overrides } = parseArguments(process.argv.slice(2))
  const config = loadConfig({ env: process.env, overrides })
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const options = { config, fresh, version: VERSION, otel: process.env, env: process.env, say }
  // A stop that is asked for while it starts waits for the start: half an installation has nothing to stop yet.
  const starting = mode === 'all' ? runAll(options) : runMesh(options)
  stopOnSignals({ stop: async () => (await starting).stop(), exit: (code) => process.exit(code), supervised: false })
  await starting
  // Since the process began: building included.
  say(`ready in ${(performance.now() / 1000).toFixed(1)} s; Ctrl-C stops it`)
}

await run().catch(fail)
