import type { Config } from '../config/schema.js'
import type { ServiceName } from '../mesh/call.js'

/** Configuration keys of each service's place. A service of the mesh is a line here. */
export const ENDPOINTS = {
  gateway: { port: 'portGateway', address: undefined },
  identity: { port: 'portIdentity', address: 'addressIdentity' },
  tenant: { port: 'portTenant', address: 'addressTenant' },
  data: { port: 'portData', address: 'addressData' },
  policy: { port: 'portPolicy', address: 'addressPolicy' },
  audit: { port: 'portAudit', address: 'addressAudit' },
} as const satisfies Record<ServiceName, { port: keyof Config; address: keyof Config | undefined }>

export const SERVICE_NAMES = Object.keys(ENDPOINTS) as ServiceName[]

export const portOf = (config: Config, service: ServiceName): number => config[ENDPOINTS[service].port]

/** 0 when the service itself is on a free port. */
export const metricsPortOf = (config: Config, service: ServiceName): number => {
  const port = portOf(config, service)
  return port === 0 ? 0 : port + config.metricsPortOffset
}

/** `host:port` of the replicas of a service. */
export const addressesOf = (config: Config, service: Exclude<ServiceName, 'gateway'>): readonly string[] =>
  config[ENDPOINTS[service].address]?.split(',') ?? [`${config.host}:${portOf(config, service)}`]

/** Where people and clients find the gateway. */
export const gatewayUrl = (config: Config): string =>
  `https://${config.host === '127.0.0.1' || config.host === '0.0.0.0' ? 'localhost' : config.host}:${config.portGateway}`
