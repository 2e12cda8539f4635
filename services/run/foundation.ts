import { join } from 'node:path'
import type { DestinationStream, Logger } from 'pino'
import { ConfigError, environmentName } from '../platform/config/load.js'
import type { Config } from '../platform/config/schema.js'
import { logDestination } from '../platform/runtime/destination.js'
import type { StopList } from '../platform/runtime/stop.js'
import { createLogger } from '../platform/telemetry/log.js'
import type { OtelEnvironment } from '../platform/telemetry/trace.js'
import { ASSEMBLIES } from './assemblies.js'
import { writeEndpoints } from './console.js'
import { openInstallation } from './installation.js'
import type { Installation } from './installation.js'
import { withPorts } from './ports.js'
import { openStateDirectory } from './state-directory.js'
import type { Timings } from './timings.js'

export interface RunOptions {
  readonly config: Config
  readonly fresh: boolean
  readonly version: string
  readonly otel: OtelEnvironment
  /** A line for people. */
  readonly say: (line: string) => void
}

export interface Running {
  readonly config: Config
  /** Ends everything; what was acknowledged is durable. */
  stop(): Promise<void>
}

export interface Foundation {
  readonly installation: Installation
  readonly destination: DestinationStream
  readonly log: Logger
}

/** The state directory, its log, and the installation in it: what one process and many begin with. Undone by `stop`, also when this rejects. */
export const openFoundation = async (options: RunOptions, timings: Timings, stop: StopList): Promise<Foundation> => {
  if (options.config.databaseHost !== undefined)
    throw new ConfigError([`${environmentName('databaseHost')} is for services that run by themselves: this brings a Postgres of its own`])
  const state = await timings.timed('state', () => openStateDirectory(options.config.stateDir, options.fresh))
  stop.add('state directory', () => state.release())
  const placed = await withPorts({ ...options.config, stateDir: state.path })
  const config: Config = { ...placed, logFile: placed.logFile ?? join(state.path, 'log', 'tenantry.log') }
  const { destination, flush } = logDestination(config)
  stop.add('log', flush)
  const log = createLogger({ service: 'tenantry', level: config.logLevel, destination })
  const installation = await openInstallation({ config, assemblies: ASSEMBLIES, log, timings })
  stop.add('postgres', () => installation.postgres.stop())
  writeEndpoints(installation.config)
  return { installation, destination, log }
}
