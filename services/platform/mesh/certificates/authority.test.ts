import { afterAll, describe, expect, it } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authorityOf, newAuthority, openAuthority } from './authority.js'
import { readCertificate } from './x509.js'

const made: string[] = []
const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'tenantry-ca-'))
  made.push(path)
  return path
}
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))))

const SPIFFE_ID = 'spiffe://tenantry.test/region/local/svc/data'

describe('openAuthority()', () => {
  it('makes one CA for all that start at once, and finds it again', async () => {
    const stateDir = await folder()
    const opened = await Promise.all(Array.from({ length: 8 }, () => openAuthority({ stateDir, trustDomain: 'tenantry.test' })))
    expect(new Set(opened.map(({ ca }) => ca)).size).toBe(1)
    expect((await openAuthority({ stateDir, trustDomain: 'tenantry.test' })).ca).toBe(opened[0]!.ca)
    expect((await readdir(stateDir)).sort()).toEqual(['ca', 'ca.pem'])
  })

  it('keeps its key to itself', async () => {
    const stateDir = await folder()
    await openAuthority({ stateDir, trustDomain: 'tenantry.test' })
    expect((await stat(join(stateDir, 'ca', 'ca.key'))).mode & 0o777).toBe(0o600)
  })
})

describe('issue()', () => {
  const authority = authorityOf(newAuthority('tenantry.test'))
  const ca = new X509Certificate(authority.ca)

  it('issues an X.509-SVID that OpenSSL verifies, with names for tools that verify hosts', () => {
    const { cert, key } = authority.issue({ spiffeId: SPIFFE_ID, ttlMs: 60_000 })
    const leaf = new X509Certificate(cert)
    expect(leaf.verify(ca.publicKey)).toBe(true)
    expect(leaf.checkIssued(ca)).toBe(true)
    expect(leaf.ca).toBe(false)
    expect(leaf.subjectAltName).toBe(`URI:${SPIFFE_ID}, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`)
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    expect(readCertificate(leaf.raw)).toEqual({ uris: [SPIFFE_ID], isCa: false, keyUsage: new Set(['digitalSignature']) })
    expect(key).toContain('PRIVATE KEY')
  })

  it('issues the certificate of the edge without an identity', () => {
    const leaf = new X509Certificate(authority.issue({ ttlMs: 60_000 }).cert)
    expect(readCertificate(leaf.raw).uris).toEqual([])
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  })

  it('never outlives its CA', () => {
    const short = authorityOf(newAuthority('tenantry.test', 60_000))
    const leaf = new X509Certificate(short.issue({ spiffeId: SPIFFE_ID, ttlMs: 3_600_000 }).cert)
    expect(Date.parse(leaf.validTo)).toBeLessThanOrEqual(Date.parse(new X509Certificate(short.ca).validTo))
  })

  it('marks its own certificate as a CA that signs certificates only', () => {
    expect(ca.ca).toBe(true)
    expect(readCertificate(ca.raw).keyUsage).toEqual(new Set(['keyCertSign', 'cRLSign']))
  })
})
