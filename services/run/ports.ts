import { createServer } from 'node:net'
import type { Server } from 'node:net'
import type { Config } from '../platform/config/schema.js'
import type { ServiceName } from '../platform/mesh/call.js'
import { SERVICES } from './services.js'

export type Ports = Readonly<Record<ServiceName, { readonly port: number; readonly metrics: number }>>

const listen = (host: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => resolve(server))
  })

const portOf = (server: Server): number => (server.address() as { port: number }).port

/**
 * The ports of all services, with free ones for 0: chosen before any process starts, so that each knows where the others will be. All are held at
 * once while choosing, so that none is given twice.
 */
export const choosePorts = async (config: Config): Promise<Ports> => {
  const held: Server[] = []
  const free = async (host: string): Promise<number> => {
    const server = await listen(host)
    held.push(server)
    return portOf(server)
  }
  const ports = {} as Record<ServiceName, { port: number; metrics: number }>
  try {
    for (const [name, { portKey }] of Object.entries(SERVICES)) {
      const wanted = config[portKey]
      ports[name as ServiceName] =
        wanted === 0
          ? { port: await free(config.host), metrics: await free('127.0.0.1') }
          : { port: wanted, metrics: wanted + config.metricsPortOffset }
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  return ports
}
