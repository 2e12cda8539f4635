import { performance } from 'node:perf_hooks'
import { openHost } from '../platform/runtime/host.js'
import { runServices } from '../platform/runtime/run-services.js'
import { createStopList } from '../platform/runtime/stop.js'
import type { ServiceName } from '../platform/mesh/call.js'
import { ASSEMBLIES } from './assemblies.js'
import { banner } from './console.js'
import { openFoundation } from './foundation.js'
import type { RunOptions, Running } from './foundation.js'

/** How long services may take until all take calls. */
const READY_MS = 30_000

/** Every service in this one process. Resolves when all take calls. */
export const runAll = async (options: RunOptions): Promise<Running> => {
  const started = performance.now()
  const stop = createStopList((step, error) => options.say(`stopping ${step}: ${(error as Error).message}`))
  try {
    const { installation, destination, log } = await openFoundation(options, stop)
    const host = await openHost({
      ...installation,
      services: ASSEMBLIES.map(({ name }): ServiceName => name),
      version: options.version,
      destination,
      otel: options.otel,
    })
    const running = await runServices(host, ASSEMBLIES)
    stop.add('services', () => running.stop())
    await running.ready(READY_MS)
    const total = Math.round(performance.now() - started)
    log.info({ ...installation.timings, total }, 'started')
    for (const line of banner(installation, options.version)) options.say(line)
    return { config: installation.config, stop: () => stop.run() }
  } catch (error) {
    await stop.run()
    throw error
  }
}
