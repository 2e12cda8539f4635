import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import type { Config } from '../platform/config/schema.js'
import { ENDPOINTS } from '../platform/runtime/endpoints.js'

const listen = (host: string, port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })

/** Below the range that systems give to outgoing connections: a port that is free here does not go to one of those a moment later. */
const LOW = 10_240
const HIGH = 32_000

/**
 * The configuration with a free port for each service on port 0, and its metrics port above it free too: chosen before anything starts, so that every
 * process knows where the others will be. All are held at once while choosing, so that none is given twice.
 */
export const withPorts = async (config: Config): Promise<Config> => {
  const held: Server[] = []
  const pair = async (): Promise<number> => {
    for (let attempt = 0; attempt < 100; attempt++) {
      const port = randomInt(LOW, HIGH)
      try {
        held.push(await listen(config.host, port))
        held.push(await listen('127.0.0.1', port + config.metricsPortOffset))
        return port
      } catch {
        // It or its neighbour is taken: another one.
      }
    }
    throw new Error('no free pair of ports')
  }
  const chosen: Partial<Config> = {}
  try {
    for (const { port } of Object.values(ENDPOINTS)) if (config[port] === 0) chosen[port] = await pair()
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  return { ...config, ...chosen }
}
