import { createHash } from 'node:crypto'
import type { Workload } from './call.js'
import { readCertificate } from './certificates/x509.js'

/** SPIFFE-ID, sections 2.1 to 2.3: trust domain and path segments have no upper case, escapes, ports, queries or fragments. */
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/
const SERVICE = /^\/region\/([a-z0-9-]{1,63})\/svc\/([a-z0-9-]{1,63})$/
const ACCOUNT = /^\/region\/([a-z0-9-]{1,63})\/tenant\/(ten_[0-7][0-9a-hjkmnp-tv-z]{25})\/sa\/(sva_[0-7][0-9a-hjkmnp-tv-z]{25})$/

/** Why a certificate is no X.509-SVID of ours. Its text is for our log alone: the peer sees a closed connection. */
export class SvidError extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'SvidError'
  }
}

/** SPIFFE id of a service of ours. */
export const serviceSpiffeId = (trustDomain: string, region: string, service: string): string =>
  `spiffe://${trustDomain}/region/${region}/svc/${service}`

/** Checks a SPIFFE id's syntax and trust domain; answers with its path. */
export const spiffePath = (id: string, trustDomain: string): string => {
  if (id.length > 2048) throw new SvidError('SPIFFE id longer than 2048 bytes')
  const [, domain, path] = SPIFFE_ID.exec(id) ?? []
  if (domain === undefined || path === undefined) throw new SvidError('not a SPIFFE id')
  if (domain !== trustDomain) throw new SvidError('another trust domain')
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) throw new SvidError('dot segments in the path')
  return path
}

/**
 * The workload that a peer's leaf certificate names, by the X.509-SVID specification (section 5.2, leaf validation): exactly one URI name, of our trust
 * domain; not a CA; key usage with digitalSignature and neither keyCertSign nor cRLSign. The chain and the times were checked by TLS. Throws SvidError.
 */
export const workloadOf = (der: Uint8Array, trustDomain: string): Workload => {
  let facts
  try {
    facts = readCertificate(der)
  } catch {
    throw new SvidError('not readable')
  }
  if (facts.uris.length !== 1) throw new SvidError(`${facts.uris.length} URI names instead of one`)
  if (facts.isCa) throw new SvidError('a CA as leaf')
  if (facts.keyUsage === undefined || !facts.keyUsage.has('digitalSignature')) throw new SvidError('no key usage digitalSignature')
  if (facts.keyUsage.has('keyCertSign') || facts.keyUsage.has('cRLSign')) throw new SvidError('key usage of a CA')
  const spiffeId = facts.uris[0]!
  const path = spiffePath(spiffeId, trustDomain)
  const thumbprint = createHash('sha256').update(der).digest('base64url')
  const service = SERVICE.exec(path)
  if (service !== null) return { spiffeId, service: service[2]!, region: service[1]!, thumbprint }
  const account = ACCOUNT.exec(path)
  if (account !== null) return { spiffeId, tenant: account[2]!, region: account[1]!, thumbprint }
  return { spiffeId, region: '', thumbprint }
}
