import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { authorityOf, newAuthority } from './authority.js'
import { checkCertificate, fileSource } from './files.js'
import { issuedSource } from './issued.js'
import type { Certificate, CertificateSource } from './source.js'

const authority = authorityOf(newAuthority('tenantry.test'))
const other = authorityOf(newAuthority('tenantry.test'))
const svid = (from = authority, more: { spiffeId?: string; ttlMs?: number; now?: number } = {}) =>
  from.issue({ spiffeId: 'spiffe://tenantry.test/region/local/svc/data', ttlMs: 3_600_000, ...more })

let folder: string
let source: CertificateSource | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-certs-'))
})
afterEach(async () => {
  source?.close()
  await rm(folder, { recursive: true })
})

const write = async ({ cert, key, ca }: Certificate) => {
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  await writeFile(join(folder, 'ca.pem'), ca)
}
const open = (reports: string[] = []) => {
  source = fileSource({
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    caFile: join(folder, 'ca.pem'),
    trustDomain: 'tenantry.test',
    log: pino({ level: 'silent' }),
    report: (outcome) => reports.push(outcome),
    everyMs: 10,
  })
  return source
}
const until = async (reports: string[], outcome: string) => {
  for (let i = 0; i < 200 && !reports.includes(outcome); i++) await sleep(10)
}

describe('fileSource()', () => {
  it('takes a good new pair and tells it', async () => {
    await write(svid())
    const reports: string[] = []
    const files = open(reports)
    const told: Certificate[] = []
    files.onChange((certificate) => told.push(certificate))
    const next = svid()
    await write(next)
    await until(reports, 'renewed')
    expect(files.current()).toEqual(next)
    expect(told.at(-1)).toEqual(next)
  })

  const bad: Record<string, () => Certificate> = {
    'a key of another certificate': () => ({ ...svid(), key: svid().key }),
    'an expired certificate': () => svid(authority, { now: Date.now() - 7_200_000, ttlMs: 60_000 }),
    'another trust domain': () => svid(authority, { spiffeId: 'spiffe://elsewhere.test/region/local/svc/data' }),
    'no SPIFFE id': () => authority.issue({ ttlMs: 60_000 }),
    'a certificate of another CA': () => ({ ...svid(other), ca: authority.ca }),
    'half a file': () => ({ ...svid(), cert: svid().cert.slice(0, 200) }),
  }
  for (const [what, make] of Object.entries(bad)) {
    it(`refuses ${what}, reports it once and keeps the old one`, async () => {
      const first = svid()
      await write(first)
      const reports: string[] = []
      const files = open(reports)
      await write(make())
      await until(reports, 'refused')
      await sleep(50)
      expect(reports.filter((outcome) => outcome === 'refused').length).toBeGreaterThanOrEqual(1)
      expect(files.current()).toEqual(first)
      const good = svid()
      await write(good)
      await until(reports, 'renewed')
      expect(files.current()).toEqual(good)
    })
  }

  it('does not start with a bad one', async () => {
    await write(bad['an expired certificate']!())
    expect(() => open()).toThrow('not valid now')
  })
})

describe('checkCertificate()', () => {
  it('takes a leaf of either CA while one replaces the other', () => {
    expect(() => checkCertificate({ ...svid(other), ca: `${authority.ca}${other.ca}` }, 'tenantry.test')).not.toThrow()
  })
})

describe('issuedSource()', () => {
  it('renews at half of the life', async () => {
    const reports: string[] = []
    source = issuedSource({
      authority,
      spiffeId: 'spiffe://tenantry.test/region/local/svc/data',
      ttlMs: 100,
      report: (what) => reports.push(what),
    })
    const first = source.current()
    await until(reports, 'renewed')
    expect(source.current().cert).not.toBe(first.cert)
  })
})
