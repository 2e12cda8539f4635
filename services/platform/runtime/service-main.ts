import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, loadConfig } from '../config/load.js'
import { logDestination } from './destination.js'
import { openHost } from './host.js'
import { runServices } from './run-services.js'
import { platformKeyOf, readSecrets } from './secrets.js'
import type { ServiceAssembly } from './service.js'
import { stopOnSignals } from './stop.js'

/** The process, as main.ts hands it in: nothing else reads the environment or exits. */
export interface ProcessPorts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly exit: (code: number) => void
  readonly version: string
}

/** What a supervised service tells its parent. */
export type ServiceMessage = { readonly kind: 'ready'; readonly service: string }

const READY_MS = 60_000

/** Runs one service as a process of its own, until a signal stops it. Its installation (databases, secrets, keys) is there already. */
export const serviceMain = async (assembly: ServiceAssembly, { env, exit, version }: ProcessPorts): Promise<void> => {
  const config = configured(env, exit)
  if (config === undefined) return
  const { destination, flush } = logDestination(config)
  const secrets = readSecrets(config.stateDir)
  if (secrets === undefined) {
    process.stderr.write(`${config.stateDir} holds no installation\n`)
    exit(1)
    return
  }
  const host = await openHost({
    config,
    secrets,
    services: [assembly.name],
    version,
    destination,
    otel: env,
    platformKey: platformKeyOf(secrets),
  })
  const running = await runServices(host, [assembly])
  const supervised = process.send !== undefined
  const end = (code: number): void => {
    flush()
    exit(code)
  }
  stopOnSignals({ stop: running.stop, exit: end, supervised })
  for (;;) {
    try {
      await running.ready(READY_MS)
      break
    } catch (error) {
      host.log.warn({ err: error }, 'still not ready')
      await sleep(1_000)
    }
  }
  host.log.info({ port: running.services[0]!.port }, 'ready')
  process.send?.({ kind: 'ready', service: assembly.name } satisfies ServiceMessage)
}

const configured = (env: ProcessPorts['env'], exit: ProcessPorts['exit']) => {
  try {
    return loadConfig({ env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    exit(2)
    return undefined
  }
}
