import { join } from 'node:path'
import type { Config } from '../platform/config/schema.js'
import { SERVICE_NAMES, gatewayUrl, metricsPortOf, portOf } from '../platform/runtime/endpoints.js'
import { writePrivately } from '../platform/runtime/secrets.js'
import type { Installation } from './installation.js'

/** Writes where everything is, for tools: `endpoints.json`. */
export const writeEndpoints = (config: Config): void => {
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [
      name,
      { address: `${config.host}:${portOf(config, name)}`, metrics: `http://127.0.0.1:${metricsPortOf(config, name)}/metrics` },
    ]),
  )
  writePrivately(join(config.stateDir, 'endpoints.json'), `${JSON.stringify({ gateway: gatewayUrl(config), services }, undefined, 2)}\n`)
}

/** The few lines that say what is up, and where. The operator's secret is never among them, only where it lies. */
export const banner = ({ config, postgres, operator }: Installation, version: string): string[] => [
  `tenantry ${version}, region ${config.region}`,
  `  gateway    ${gatewayUrl(config)}`,
  ...SERVICE_NAMES.filter((name) => name !== 'gateway').map(
    (name) =>
      `  ${name.padEnd(10)} ${config.host}:${portOf(config, name)}  (metrics http://127.0.0.1:${metricsPortOf(config, name)}/metrics)`,
  ),
  `  postgres   127.0.0.1:${postgres.port}`,
  `  state      ${config.stateDir}`,
  operator.written ? `  operator   ${operator.path}` : `  operator   made earlier; ${operator.path} was removed`,
]
