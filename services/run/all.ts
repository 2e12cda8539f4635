import { openHost } from '../platform/runtime/host.js'
import { runServices } from '../platform/runtime/run-services.js'
import { createStopList } from '../platform/runtime/stop.js'
import type { ServiceName } from '../platform/mesh/call.js'
import { ASSEMBLIES } from './assemblies.js'
import { banner } from './console.js'
import { openFoundation } from './foundation.js'
import type { RunOptions, Running } from './foundation.js'
import { startTimings } from './timings.js'

/** How long services may take until all take calls. */
const READY_MS = 30_000

/** Every service in this one process. Resolves when all take calls. */
export const runAll = async (options: RunOptions): Promise<Running> => {
  const timings = startTimings()
  const stop = createStopList((step, error) => options.say(`stopping ${step}: ${(error as Error).message}`))
  try {
    const { installation, destination, log } = await openFoundation(options, timings, stop)
    const services = ASSEMBLIES.map(({ name }): ServiceName => name)
    const host = await timings.timed('host', () =>
      openHost({ ...installation, services, version: options.version, destination, otel: options.otel }),
    )
    const running = await timings.timed('services', () => runServices(host, ASSEMBLIES))
    stop.add('services', () => running.stop())
    await timings.timed('ready', () => running.ready(READY_MS))
    log.info(timings.read(), 'started')
    for (const line of banner(installation, options.version)) options.say(line)
    return { config: installation.config, stop: () => stop.run() }
  } catch (error) {
    await stop.run()
    throw error
  }
}
