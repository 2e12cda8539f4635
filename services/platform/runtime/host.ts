import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DestinationStream, Logger } from 'pino'
import type { Config } from '../config/schema.js'
import { createEmbeddedLog } from '../events/embedded/log.js'
import { accessMessage } from '../events/envelope.js'
import type { EventLog } from '../events/event-log.js'
import type { JournalEvent, JournalObserver } from '../journal/directory-journal.js'
import type { Journal } from '../journal/journal.js'
import { logKeys } from '../journal/log-key.js'
import { openJournal } from '../journal/open-journal.js'
import { openLocalKeyring } from '../keys/local-keyring.js'
import type { PublicKey } from '../keys/key-store.js'
import type { Kms } from '../keys/kms.js'
import type { ServiceName } from '../mesh/call.js'
import { openAuthority } from '../mesh/certificates/authority.js'
import type { Authority } from '../mesh/certificates/authority.js'
import { openDecisionPoint } from '../policy/open-decision-point.js'
import type { OpenDecisionPoint } from '../policy/open-decision-point.js'
import type { ConnectionOptions } from '../postgres/connection.js'
import { workerPool } from '../postgres/worker-pool.js'
import { createLogger } from '../telemetry/log.js'
import type { OtelEnvironment } from '../telemetry/trace.js'
import type { Secrets } from './secrets.js'

export interface HostOptions {
  readonly config: Config
  readonly secrets: Secrets
  /** The services of this process. */
  readonly services: readonly ServiceName[]
  readonly version: string
  readonly destination: DestinationStream
  readonly otel: OtelEnvironment
  /** The platform tenant's public key: what records are sealed to before its fact is known. */
  readonly platformKey: PublicKey | undefined
}

/** What the services of one process share: the journal, the policy in force, the way to the event log. */
export interface Host extends HostOptions {
  readonly log: Logger
  readonly journal: Journal
  /** Told by the journal; set by the service that has its metrics. */
  readonly journalObserver: JournalObserver
  readonly decisionPoint: OpenDecisionPoint
  readonly eventLog: EventLog
  /** The development CA; undefined where certificates come from files. */
  readonly authority: Authority | undefined
  /** The keyring, opened when first asked for: services that open nothing have none. */
  kms(): Promise<Kms>
  /** A role's connection to a database of the cluster. */
  connection(database: string, role: string): ConnectionOptions
  close(): Promise<void>
}

/** Where the committed bundle lies, beside the sources and beside the build alike. */
const POLICY_DIRECTORY = fileURLToPath(new URL('../../../policies/bundle/', import.meta.url))

const reportJournal = (log: Logger, event: JournalEvent): void => {
  const { kind, ...details } = event
  const entry = 'error' in details ? { ...details, error: undefined, err: details.error } : details
  if (kind === 'adopted') log.info(entry, 'journal: adopted what another process left')
  else if (kind === 'unclean') log.warn(entry, 'journal: an epoch of an earlier run ended uncleanly')
  else if (kind === 'write-failed' || kind === 'damaged') log.error(entry, `journal: ${kind}`)
  else log.warn(entry, `journal: ${kind}`)
}

export const openHost = async (options: HostOptions): Promise<Host> => {
  const { config, secrets, services, destination } = options
  const log = createLogger({ service: services.length === 1 ? services[0]! : 'tenantry', level: config.logLevel, destination })
  const connection = (database: string, role: string): ConnectionOptions => {
    const password = secrets.databases.passwords[role]
    if (password === undefined) throw new Error(`no password for the role ${role}`)
    return { host: config.databaseHost ?? '127.0.0.1', port: config.databasePort, database, user: role, password }
  }
  let closing = false
  const onError = (error: Error) => {
    // A pool's end does not wait for its connections' last words.
    if (!closing) log.warn({ err: error }, 'a connection to the event log broke')
  }
  const producer = workerPool(connection('events', 'events_producer'), { max: 4, onError })
  const consumer = services.includes('audit') ? workerPool(connection('events', 'events_consumer'), { max: 8, onError }) : undefined
  const eventLog = createEmbeddedLog({ producer, consumer, log })
  const observed: JournalObserver = {}
  const journalObserver: JournalObserver = {
    flushed: (flush) => observed.flushed?.(flush),
    relayed: (records) => observed.relayed?.(records),
    unrelayed: (bytes) => observed.unrelayed?.(bytes),
    event: (event) => reportJournal(log, event),
  }
  const [decisionPoint, authority, journal] = await Promise.all([
    openDecisionPoint({ directory: POLICY_DIRECTORY, log }),
    config.certificateFile === undefined ? openAuthority({ stateDir: config.stateDir, trustDomain: config.trustDomain }) : undefined,
    openJournal({
      directory: join(config.stateDir, 'journal'),
      services,
      region: config.region,
      maxBytes: config.journalMaxBytes,
      logKey: logKeys(Buffer.from(secrets.journal, 'base64url')),
      produce: (messages) => eventLog.produce('access', messages),
      toMessage: accessMessage,
      observe: journalObserver,
    }),
  ])
  let keyring: ReturnType<typeof openLocalKeyring> | undefined
  return {
    ...options,
    log,
    journal,
    journalObserver: observed,
    decisionPoint,
    eventLog,
    authority,
    kms: () => (keyring ??= openLocalKeyring({ path: join(config.stateDir, 'keyring.json') })),
    connection,
    close: async () => {
      closing = true
      await eventLog.close()
      await Promise.all([producer.end(), consumer?.end()])
      decisionPoint.close()
      await keyring?.then((open) => open.close())
    },
  }
}
