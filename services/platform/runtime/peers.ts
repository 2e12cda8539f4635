import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Config } from '../config/schema.js'
import type { ServiceName } from '../mesh/call.js'
import type { CertificateSource } from '../mesh/certificates/source.js'
import { createMeshClient } from '../mesh/client.js'
import type { MeshClient } from '../mesh/client.js'
import { addressesOf } from './endpoints.js'

type Peer = Exclude<ServiceName, 'gateway'>

const targetOf = (addresses: readonly string[]): string => {
  if (addresses.length === 1) return addresses[0]!
  return `ipv4:${addresses.join(',')}`
}

/** Clients of the other services, each made when first asked for. The server must show the SPIFFE id of the service in this region. */
export const openPeers = (config: Config, source: CertificateSource, self: ServiceName) => {
  const { trustDomain, region } = config
  const made = new Map<Peer, MeshClient>()
  const peer = (service: Peer): MeshClient => {
    let client = made.get(service)
    if (client === undefined) {
      // The gateway carries everybody's calls; services among themselves have few.
      const channels = self === 'gateway' ? 2 : 1
      const target = targetOf(addressesOf(config, service))
      client = createMeshClient({ source, target, trustDomain, expect: { service, region }, channels })
      made.set(service, client)
    }
    return client
  }
  return {
    peer,
    /** The issuer's JWK Set. */
    jwks: async (): Promise<string> => (await peer('identity').client(SessionService).getJwks({}, { timeoutMs: 2_000 })).jwks,
    close: () => {
      for (const client of made.values()) client.close()
    },
  }
}
