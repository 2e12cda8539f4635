import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { workloadOf } from '../workload.js'
import type { Certificate, CertificateSource, ReloadReport } from './source.js'
import { listeners } from './source.js'

export interface FileOptions {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** Of the SVID; absent for the edge's certificate, which has no SPIFFE id. */
  readonly trustDomain?: string
  readonly log: Logger
  readonly report?: ReloadReport
  /** How often the files are looked at. Read, not watched: a rename through a symlink (as Kubernetes mounts do) escapes inotify. */
  readonly everyMs?: number
}

/** Throws unless the pair belongs together, is valid now, chains to the CA and, given a trust domain, is an X.509-SVID of it. */
export const checkCertificate = (pair: Certificate, trustDomain: string | undefined, now = Date.now()): void => {
  const leaf = new X509Certificate(pair.cert)
  const key = createPrivateKey(pair.key)
  if (!leaf.checkPrivateKey(key)) throw new Error('certificate and key are not a pair')
  if (Date.parse(leaf.validFrom) > now || Date.parse(leaf.validTo) <= now) throw new Error('certificate is not valid now')
  if (trustDomain !== undefined) workloadOf(leaf.raw, trustDomain)
  const chain = pemBlocks(pair.cert).map((block) => new X509Certificate(block))
  const roots = pemBlocks(pair.ca).map((block) => new X509Certificate(block))
  const issuers = [...chain.slice(1), ...roots]
  let at = leaf
  for (let depth = 0; depth <= chain.length; depth++) {
    const issuer = issuers.find((candidate) => candidate.ca && at.checkIssued(candidate) && at.verify(candidate.publicKey))
    if (issuer === undefined) throw new Error('certificate does not chain to the CA')
    if (roots.includes(issuer)) break
    at = issuer
  }
  createSecureContext({ cert: pair.cert, key: pair.key, ca: pair.ca, minVersion: 'TLSv1.3' })
}

const pemBlocks = (text: string): string[] => text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []

/**
 * Certificates from files that something else renews. A pair that doesn't check out (half written, mismatched, expired, of another trust domain) is
 * refused and reported, and the one in force stays. Throws when the first one is bad: no service without a certificate.
 */
export const fileSource = (options: FileOptions): CertificateSource => {
  const { certFile, keyFile, caFile, trustDomain, log, report, everyMs = 1_000 } = options
  const read = (): Certificate => ({
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    ca: readFileSync(caFile, 'utf8'),
  })
  let current = read()
  checkCertificate(current, trustDomain)
  let refused = ''
  const subscribers = listeners()
  const look = () => {
    let seen = ''
    try {
      const next = read()
      seen = `${next.cert}${next.key}${next.ca}`
      if (seen === `${current.cert}${current.key}${current.ca}` || seen === refused) return
      checkCertificate(next, trustDomain)
      current = next
      refused = ''
      report?.('renewed')
      log.info({ certFile }, 'certificate reloaded')
      subscribers.tell(next)
    } catch (error) {
      // The same bad pair is reported once, not every second.
      const fingerprint = seen === '' ? String((error as NodeJS.ErrnoException).code ?? 'unreadable') : seen
      if (fingerprint === refused) return
      refused = fingerprint
      report?.('refused')
      log.error({ certFile, why: (error as Error).message }, 'certificate refused, the old one stays')
    }
  }
  const timer = setInterval(look, everyMs)
  timer.unref()
  return {
    current: () => current,
    onChange: (listener) => subscribers.add(listener),
    close: () => clearInterval(timer),
  }
}
