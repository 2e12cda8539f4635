import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MetricsRegistry } from './metrics.js'

export interface HealthOptions {
  readonly registry: MetricsRegistry
  readonly port: number
  /** What has to be there for the service to take calls, by name. */
  readonly checks: () => Promise<Record<string, boolean>>
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * `/metrics` (OpenMetrics), `/healthz` (the process answers) and `/readyz` (it takes calls: names of checks and their state, nothing else). On loopback
 * only, and only for requests that name it as their host: a page in a browser can't reach it by rebinding a name of its own.
 */
export const serveHealth = async ({ registry, port, checks }: HealthOptions): Promise<HealthServer> => {
  const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
    switch (path) {
      case '/healthz':
        return { status: 200, type: 'text/plain', body: 'ok\n' }
      case '/readyz': {
        const state = await checks()
        return { status: Object.values(state).every(Boolean) ? 200 : 503, type: 'application/json', body: `${JSON.stringify(state)}\n` }
      }
      case '/metrics':
        return { status: 200, type: registry.contentType, body: await registry.metrics() }
      default:
        return { status: 404, type: 'text/plain', body: 'not found\n' }
    }
  }
  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
    request.resume()
    const host = request.headers.host?.replace(/:\d+$/, '')
    const allowed = (request.method === 'GET' || request.method === 'HEAD') && (host === '127.0.0.1' || host === 'localhost')
    const path = request.url?.split('?', 1)[0] ?? ''
    void (allowed ? answer(path) : Promise.resolve({ status: 403, type: 'text/plain', body: 'forbidden\n' })).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body),
      () => response.writeHead(500).end(),
    )
  })
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
