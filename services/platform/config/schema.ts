import { z } from 'zod'
import { integer, list, matching, oneOf, path, port, secretText } from './fields.js'

const HOST = /^[A-Za-z0-9.:_-]{1,253}$/
const ADDRESSES = matching(/^[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*$/, 'host:port, or several separated by commas')
const LABEL = matching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a DNS label')

/**
 * Every key of the configuration. In a file a key is spelled as here; in the environment `TENANTRY_` and the key in upper snake case:
 * `portData` is `TENANTRY_PORT_DATA`.
 */
export const schema = z.object({
  /** Where everything of this installation lies. */
  stateDir: path().default('.tenantry'),
  region: LABEL.default('local'),
  /** SPIFFE trust domain. */
  trustDomain: matching(/^[a-z0-9._-]{1,255}$/, 'a SPIFFE trust domain').default('tenantry.local'),

  /** Interface of the service ports; metrics and health always stay on loopback. */
  host: matching(HOST, 'a host name or address').default('127.0.0.1'),
  portGateway: port().default(8443),
  portIdentity: port().default(9441),
  portTenant: port().default(9442),
  portData: port().default(9443),
  portPolicy: port().default(9444),
  portAudit: port().default(9445),
  /** Added to a service's port for its metrics and health; a service on port 0 gets a free one. */
  metricsPortOffset: integer(1, 10_000).default(100),

  /** Where the other services are, if not at `host` and their port. */
  addressIdentity: ADDRESSES.optional(),
  addressTenant: ADDRESSES.optional(),
  addressData: ADDRESSES.optional(),
  addressPolicy: ADDRESSES.optional(),
  addressAudit: ADDRESSES.optional(),

  /** Certificates of this process's service, in PEM; absent: the development CA of the state directory. All three or none. */
  certificateFile: path().optional(),
  certificateKeyFile: path().optional(),
  certificateAuthorityFile: path().optional(),
  /** Life of certificates that the development CA issues; they are renewed at half of it. */
  certificateSeconds: integer(10, 31_536_000).default(86_400),
  /** The gateway's HTTPS certificate, in PEM; absent: the development CA. All three or none. */
  edgeCertificateFile: path().optional(),
  edgeKeyFile: path().optional(),
  edgeAuthorityFile: path().optional(),

  /** A PostgreSQL cluster; absent: the embedded one of the state directory. */
  databaseHost: matching(/^[^\0]{1,255}$/, 'a host name, address or socket directory').optional(),
  databasePort: integer(1, 65_535).default(5432),
  /** Connections of one service. */
  databasePoolSize: integer(1, 200).default(8),

  /** Journal of access records. */
  journalMaxBytes: integer(1_048_576, 1_099_511_627_776).default(1_073_741_824),
  /** How long facts are trusted after their owner answered: longer trades revocation time for availability. */
  factsLeaseMs: integer(100, 60_000).default(750),
  factsRenewMs: integer(20, 10_000).default(250),
  /** Longest time that a call may take. */
  maxDeadlineMs: integer(100, 600_000).default(30_000),
  /** Time for calls under way when a service stops. */
  drainMs: integer(0, 300_000).default(10_000),

  accessTokenSeconds: integer(30, 3600).default(300),
  /** `iss` of access tokens; absent: the gateway's own URL. */
  issuer: matching(/^https:\/\/[^\s\0]{1,200}$/, 'an https URL').optional(),
  /** Origins that browsers may call the gateway from; none by default. */
  corsOrigins: list(/^https?:\/\/[A-Za-z0-9.:[\]_-]{1,253}$/, 'origins').default([]),
  /** Calls a second at the gateway. */
  rateLimitPerTenant: integer(1, 10_000_000).default(2000),
  rateLimitPerAddress: integer(1, 10_000_000).default(500),

  /** Of the first operator; drawn at random when absent. */
  operatorEmail: matching(/^[^\s@\0]{1,64}@[^\s@\0]{1,189}$/, 'an e-mail address').default('operator@platform.local'),
  operatorPassword: secretText(12).optional(),

  logLevel: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
  /** Where the log goes, while warnings go to stderr in short; absent: all of it to stdout. */
  logFile: path().optional(),
})

export type Config = z.output<typeof schema>
export type ConfigKey = keyof Config
export const configKeys = Object.keys(schema.shape) as ConfigKey[]

/** Keys whose values are secret: they have a `_FILE` variant in the environment. */
export const secretKeys: readonly ConfigKey[] = ['operatorPassword']
