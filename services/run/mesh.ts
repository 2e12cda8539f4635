import { fileURLToPath } from 'node:url'
import type { Config, ConfigKey } from '../platform/config/schema.js'
import { configKeys } from '../platform/config/schema.js'
import { environmentName } from '../platform/config/load.js'
import type { ServiceName } from '../platform/mesh/call.js'
import type { ServiceMessage } from '../platform/runtime/service-main.js'
import { createStopList } from '../platform/runtime/stop.js'
import { ASSEMBLIES } from './assemblies.js'
import { banner } from './console.js'
import { openFoundation } from './foundation.js'
import type { RunOptions, Running } from './foundation.js'
import { supervise } from './supervise.js'
import type { Supervised } from './supervise.js'
import { startTimings } from './timings.js'

const READY_MS = 60_000
/** Beyond the drain: relays, and the journal's end. */
const STOP_EXTRA_MS = 20_000

export interface MeshRunOptions extends RunOptions {
  /** The environment that children start from: OTEL_*, PATH. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The parent's configuration as a child's environment: the child parses it as it would anyone's. Secrets stay in their files. */
const environmentOf = (config: Config, env: MeshRunOptions['env'], service: ServiceName): Record<string, string | undefined> => {
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TENANTRY_')))
  const own: Partial<Config> = { ...config, operatorPassword: undefined, logFile: config.logFile?.replace(/[^/]+$/, `${service}.log`) }
  for (const key of configKeys) {
    const value = own[key as ConfigKey]
    if (value !== undefined) kept[environmentName(key)] = String(value)
  }
  if (config.corsOrigins.length === 0) delete kept[environmentName('corsOrigins')]
  return kept
}

/** One process per service, started again when it dies. This process holds Postgres and the state directory. Resolves when all take calls. */
export const runMesh = async (options: MeshRunOptions): Promise<Running> => {
  const timings = startTimings()
  const stop = createStopList((step, error) => options.say(`stopping ${step}: ${(error as Error).message}`))
  try {
    const { installation, log } = await openFoundation(options, timings, stop)
    const { config } = installation
    const waiting = new Map<ServiceName, () => void>()
    const children = ASSEMBLIES.map(({ name }) => {
      const ready = new Promise<void>((resolve) => waiting.set(name, resolve))
      const child = supervise({
        name,
        command: process.execPath,
        args: [...process.execArgv, fileURLToPath(new URL(`../${name}/main.js`, import.meta.url))],
        env: environmentOf(config, options.env, name),
        onMessage: (message) => {
          if ((message as Partial<ServiceMessage>).kind === 'ready') waiting.get(name)?.()
        },
        onExit: (exit) => log.error({ child: name, ...exit }, 'a service ended and is started again'),
      })
      return { name, ready, child }
    })
    stop.add('services', () => stopChildren(children, config.drainMs + STOP_EXTRA_MS))
    await timings.timed('services', () => within(Promise.all(children.map(({ ready }) => ready)), READY_MS))
    log.info(timings.read(), 'started')
    for (const line of banner(installation, options.version)) options.say(line)
    return { config, stop: () => stop.run() }
  } catch (error) {
    await stop.run()
    throw error
  }
}

/** Gateway, then services, audit last: each has ended before the next begins. */
const stopChildren = async (children: readonly { name: ServiceName; child: Supervised }[], graceMs: number): Promise<void> => {
  const stage = (chosen: (name: ServiceName) => boolean): Promise<unknown> =>
    Promise.all(children.filter(({ name }) => chosen(name)).map(({ child }) => child.stop(graceMs)))
  await stage((name) => name === 'gateway')
  await stage((name) => name !== 'gateway' && name !== 'audit')
  await stage((name) => name === 'audit')
}

const within = async (work: Promise<unknown>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('services are not ready in time; their logs say why')), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
