import type { CertificateSource } from '../mesh/certificates/source.js'
import type { ServiceName } from '../mesh/call.js'
import type { Route } from '../mesh/rpc.js'
import type { FactTable } from '../facts/fact-owner.js'
import type { Runtime } from './runtime.js'

/** How a service is put together from its runtime: what its main.ts and services/run give to the platform. */
export interface ServiceAssembly {
  readonly name: ServiceName
  /** Folder of the migrations of its database; absent: it has none. */
  readonly migrations?: URL
  /** Facts that it owns, read across tenants by its relay role. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows of different tables in one list
  readonly factTables?: readonly FactTable<any>[]
  open(runtime: Runtime): Promise<OpenedService>
}

export interface OpenedService {
  /** Served in the mesh; none where `serve` does it in another way. */
  readonly routes: readonly Route[]
  /** What it needs besides database, policy, facts and journal, by name. */
  checks?(): Promise<Record<string, boolean>> | Record<string, boolean>
  /** In identity: the JWK Set that verifies its own tokens. */
  jwks?(): Promise<string>
  /** The gateway's way of serving. */
  serve?(options: {
    host: string
    port: number
    edge: CertificateSource
  }): Promise<{ readonly port: number; close(graceMs: number): Promise<void> }>
  /** What it consumes and sweeps in the background; after its calls have ended. */
  close(): Promise<void>
}
