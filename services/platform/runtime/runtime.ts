import { hkdfSync } from 'node:crypto'
import type { Tracer } from '@opentelemetry/api'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.js'
import type { EventLog } from '../events/event-log.js'
import type { FactsModel } from '../facts/create-facts.js'
import type { Journal } from '../journal/journal.js'
import type { KeyStore, PublicKey } from '../keys/key-store.js'
import type { Kms } from '../keys/kms.js'
import type { PageTokens } from '../keys/page-token.js'
import { createPageTokens } from '../keys/page-token.js'
import { createPostgresKeyStore } from '../keys/postgres-key-store.js'
import type { Opener, Sealer } from '../keys/sealer.js'
import { createOpener } from '../keys/x25519-opener.js'
import { createSealer } from '../keys/x25519-sealer.js'
import type { ServiceName, Workload } from '../mesh/call.js'
import type { CertificateSource } from '../mesh/certificates/source.js'
import type { MeshClient } from '../mesh/client.js'
import type { FetchedJwks } from '../mesh/jwks.js'
import type { TokenOptions } from '../mesh/tokens.js'
import type { OpenDecisionPoint } from '../policy/open-decision-point.js'
import { createAuthorizer } from '../policy/authorizer.js'
import type { PolicyAuthorizer } from '../policy/authorizer.js'
import type { OpenDatabase } from '../postgres/open-database.js'
import { openDatabase } from '../postgres/open-database.js'
import type { WorkerPool } from '../postgres/worker-pool.js'
import { workerPool } from '../postgres/worker-pool.js'
import type { ChainMetrics } from '../mesh/ports.js'
import { createChainMetrics } from '../telemetry/chain-metrics.js'
import { createLogger } from '../telemetry/log.js'
import { collectProcessMetrics, createRegistry, gauge } from '../telemetry/metrics.js'
import type { MetricsRegistry } from '../telemetry/metrics.js'
import { createTracing } from '../telemetry/trace.js'
import { serviceSpiffeId } from '../mesh/workload.js'
import { workloadSource } from './certificates.js'
import { gatewayUrl } from './endpoints.js'
import { openFacts } from './facts.js'
import type { Host } from './host.js'
import { issuerKeys } from './issuer-keys.js'
import { openPeers } from './peers.js'
import { databaseMetrics, journalMetrics } from './platform-metrics.js'
import type { OpenedService, ServiceAssembly } from './service.js'
import { createStopList } from './stop.js'

/** What every service is given, assembled in the same way for one process and for many. */
export interface Runtime {
  readonly service: ServiceName
  /** Its instance in this process: of its telemetry. */
  readonly instance: string
  readonly version: string
  /** This service as a workload. */
  readonly self: Pick<Workload, 'spiffeId'> & { readonly service: ServiceName }
  readonly region: string
  readonly config: Config
  /** `iss` of access tokens. */
  readonly issuer: string
  readonly log: Logger
  readonly tracer: Tracer
  readonly registry: MetricsRegistry
  readonly chainMetrics: ChainMetrics
  readonly source: CertificateSource
  /** A client of another service, on this one's certificate. */
  peer(service: Exclude<ServiceName, 'gateway'>): MeshClient
  readonly facts: FactsModel
  readonly decisionPoint: OpenDecisionPoint
  readonly authorizer: PolicyAuthorizer
  readonly jwks: FetchedJwks
  readonly sealer: Sealer
  readonly pageTokens: PageTokens
  /** For services without a key store: what the HMAC key of request bodies comes from, 32 bytes of this service's own. */
  readonly requestSecret: Buffer
  readonly eventLog: EventLog
  readonly journal: Journal
  /** How access tokens are verified. */
  readonly tokens: TokenOptions
  readonly platformKey: PublicKey | undefined
  kms(): Promise<Kms>
  /** The service's database as its runtime role. `schemaOf`: where a tenant's tables are, in the data service. Once. */
  database(options?: { schemaOf?: (tenantId: string) => string | undefined }): OpenDatabase
  /** As its relay role: reads what the relay may, across tenants. */
  readonly relayPool: WorkerPool
  /** The key store with the service's own role. */
  keyStore(): Promise<KeyStore>
  /** Opens what is sealed: audit alone has the role for it. */
  opener(): Promise<Opener>
}

/** A runtime as whoever runs the service holds it. */
export interface OpenRuntime extends Runtime {
  /** Told what the service's own JWK Set is, once it is open (identity). */
  setJwks(own: OpenedService['jwks']): void
  /** The process is about to stop: what is lost from here on is no news. */
  leave(): void
  /** Connections and telemetry, after the service has stopped. */
  close(): Promise<void>
}

/** `aud` of access tokens. */
const AUDIENCE = 'tenantry'

export const openRuntime = async (host: Host, assembly: ServiceAssembly): Promise<OpenRuntime> => {
  const { config, destination, secrets, version } = host
  const { name: service } = assembly
  const { region } = config
  const instance = `${service}-${process.pid}`
  const issuer = config.issuer ?? gatewayUrl(config)
  const log = createLogger({ service, instance, level: config.logLevel, destination })
  const stop = createStopList((step, error) => log.warn({ err: error, step }, 'stopping'))
  const tracing = await createTracing({ service, instance, version, region, env: host.otel })
  stop.add('tracing', () => tracing.close())
  const registry = createRegistry({ service_name: service, service_instance_id: instance, service_version: version })
  if (host.services[0] === service) {
    collectProcessMetrics(registry)
    Object.assign(host.journalObserver, journalMetrics(registry))
  }

  const source = await workloadSource(host, service, log)
  stop.add('certificates', () => source.close())
  const peers = openPeers(config, source, service)
  stop.add('peers', () => peers.close())
  let closing = false
  const onError = (error: Error) => {
    // A pool's end does not wait for its connections' last words.
    if (!closing) log.warn({ err: error }, 'a connection to the database broke')
  }
  const pool = (database: string, role: string, max: number): WorkerPool => {
    const made = workerPool(host.connection(database, role), { max, onError })
    stop.add(role, () => made.end())
    return made
  }
  let relay: WorkerPool | undefined
  const relayPool = (): WorkerPool => (relay ??= pool(service, `${service}_relay`, 4))
  const { facts, leave } = openFacts({ config, assembly, peer: peers.peer, relayPool, registry, log })
  stop.add('facts', () => facts.close())
  let own: OpenedService['jwks']
  const jwks = issuerKeys(service === 'identity' ? () => own?.() ?? Promise.reject(new Error('not open yet')) : peers.jwks)
  stop.add('jwks', () => jwks.close())
  const sealer = createSealer()
  stop.add('sealer', () => sealer.close())

  let database: OpenDatabase | undefined
  let keyStore: Promise<ReturnType<typeof createPostgresKeyStore>> | undefined
  const keys = () =>
    (keyStore ??= host.kms().then((kms) => {
      const made = createPostgresKeyStore({ pool: workerPool(host.connection('keys', `keys_${service}`), { max: 4, onError }), kms })
      stop.add('key store', () => made.close())
      return made
    }))
  return {
    service,
    instance,
    version,
    self: { spiffeId: serviceSpiffeId(config.trustDomain, region, service), service },
    region,
    config,
    issuer,
    log,
    tracer: tracing.tracer,
    registry,
    chainMetrics: createChainMetrics(registry),
    source,
    peer: peers.peer,
    facts,
    decisionPoint: host.decisionPoint,
    authorizer: createAuthorizer({ service, region, decisionPoint: host.decisionPoint, facts }),
    jwks,
    sealer,
    requestSecret: Buffer.from(hkdfSync('sha256', Buffer.from(secrets.requests, 'base64url'), '', `tenantry.requests.v1/${service}`, 32)),
    pageTokens: createPageTokens({ secret: Buffer.from(secrets.pageTokens, 'base64url') }),
    eventLog: host.eventLog,
    journal: host.journal,
    tokens: { issuer, audience: AUDIENCE, jwks },
    platformKey: host.platformKey,
    kms: host.kms,
    database: ({ schemaOf } = {}) => {
      if (database !== undefined) throw new Error(`${service} opened its database twice`)
      const opened = openDatabase({
        connection: host.connection(service, `${service}_runtime`),
        contextKey: secrets.databases.contextKeys[service]!,
        schemaOf,
        maxConnections: config.databasePoolSize,
        tracer: tracing.tracer,
        observe: databaseMetrics(registry),
      })
      database = opened
      gauge(registry, 'db_client_connection_count', 'Connections that are open', () => opened.size().open)
      gauge(registry, 'db_client_connection_pending_requests', 'Transactions that wait for a connection', () => opened.size().waiting)
      stop.add('database', () => opened.close())
      return opened
    },
    get relayPool() {
      return relayPool()
    },
    keyStore: keys,
    opener: async () => {
      const made = createOpener({ keys: await keys() })
      stop.add('opener', () => made.close())
      return made
    },
    setJwks: (jwksOf) => {
      own = jwksOf
    },
    leave,
    close: () => {
      closing = true
      return stop.run()
    },
  }
}
