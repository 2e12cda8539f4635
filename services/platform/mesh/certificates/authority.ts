import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './source.js'
import type { Pair } from './x509.js'
import { makeCertificate, newKey, pem } from './x509.js'

const YEAR = 365 * 24 * 3600_000
/** Certificates begin a little early, for clocks that are behind. */
const BACKDATE = 5 * 60_000

export interface IssueRequest {
  /** The SPIFFE id; left out for the edge's certificate, which browsers see. */
  readonly spiffeId?: string
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly ttlMs: number
  readonly now?: number
}

/** The development CA. Its key is a file: production takes certificates from SPIRE or cert-manager instead. */
export interface Authority {
  /** The CA's own certificate, PEM. */
  readonly ca: string
  /** A new key and a certificate for it: an X.509-SVID where a SPIFFE id is given. Names default to those of loopback. */
  issue(request: IssueRequest): Certificate
}

export const LOOPBACK = { dns: ['localhost'], ips: ['127.0.0.1', '::1'] } as const

/** An authority over a CA pair at hand. */
export const authorityOf = (ca: Pair): Authority => {
  const caPem = pem('CERTIFICATE', ca.certificate)
  const end = Date.parse(new X509Certificate(ca.certificate).validTo)
  return {
    ca: caPem,
    issue({ spiffeId, dns = LOOPBACK.dns, ips = LOOPBACK.ips, ttlMs, now = Date.now() }) {
      const key = newKey()
      const certificate = makeCertificate(
        {
          commonName: spiffeId === undefined ? (dns[0] ?? 'edge') : (spiffeId.split('/').at(-1) ?? 'workload').slice(0, 60),
          notBefore: new Date(now - BACKDATE),
          notAfter: new Date(Math.min(now + ttlMs, end)),
          isCa: false,
          ...(spiffeId === undefined ? { purposes: ['server'] as const } : { uris: [spiffeId] }),
          dns,
          ips,
        },
        key,
        ca,
      )
      return { cert: pem('CERTIFICATE', certificate), key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), ca: caPem }
    },
  }
}

/** A new self-signed CA pair. */
export const newAuthority = (trustDomain: string, lifeMs = 10 * YEAR, now = Date.now()): Pair => {
  const key = newKey()
  const certificate = makeCertificate(
    {
      commonName: `${trustDomain} development CA`,
      notBefore: new Date(now - BACKDATE),
      notAfter: new Date(now + lifeMs),
      isCa: true,
      uris: [`spiffe://${trustDomain}`],
    },
    key,
  )
  return { certificate, key }
}

const readPair = async (folder: string): Promise<Pair | undefined> => {
  try {
    const [certificate, key] = await Promise.all([readFile(join(folder, 'ca.pem')), readFile(join(folder, 'ca.key'))])
    return { certificate: new X509Certificate(certificate).raw, key: createPrivateKey(key) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * The development CA of a state directory, made when there is none: `ca/ca.key` (0600) and `ca/ca.pem`, and a copy `ca.pem` for clients. Several processes
 * may start at once: the folder appears by rename, whole, and whoever comes second takes the first one's.
 */
export const openAuthority = async ({ stateDir, trustDomain }: { stateDir: string; trustDomain: string }): Promise<Authority> => {
  const folder = join(stateDir, 'ca')
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  let pair = await readPair(folder)
  if (pair === undefined) {
    const made = newAuthority(trustDomain)
    const fresh = await mkdtemp(join(stateDir, 'ca.new-'))
    await chmod(fresh, 0o700)
    await writeFile(join(fresh, 'ca.key'), made.key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    await writeFile(join(fresh, 'ca.pem'), pem('CERTIFICATE', made.certificate))
    try {
      await rename(fresh, folder)
      pair = made
    } catch (error) {
      await rm(fresh, { recursive: true, force: true })
      pair = await readPair(folder)
      if (pair === undefined) throw error
    }
  }
  const authority = authorityOf(pair)
  const copy = join(stateDir, `ca.pem.${randomBytes(6).toString('hex')}`)
  await writeFile(copy, authority.ca)
  await rename(copy, join(stateDir, 'ca.pem'))
  return authority
}
