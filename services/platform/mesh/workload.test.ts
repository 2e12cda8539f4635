import { describe, expect, it } from '@jest/globals'
import type { CertificateTemplate } from './certificates/x509.js'
import { makeCertificate, newKey } from './certificates/x509.js'
import { newAuthority } from './certificates/authority.js'
import { newId } from '../ids.js'
import { spiffePath, workloadOf } from './workload.js'

const DOMAIN = 'tenantry.test'
const ca = newAuthority(DOMAIN)
const GOOD = `spiffe://${DOMAIN}/region/local/svc/data`

const leaf = (more: Partial<CertificateTemplate> = {}) =>
  makeCertificate(
    {
      commonName: 'x',
      notBefore: new Date(Date.now() - 1_000),
      notAfter: new Date(Date.now() + 60_000),
      isCa: false,
      uris: [GOOD],
      ...more,
    },
    newKey(),
    ca,
  )

describe('workloadOf()', () => {
  it('reads a service', () => {
    expect(workloadOf(leaf(), DOMAIN)).toMatchObject({ spiffeId: GOOD, service: 'data', region: 'local' })
  })

  it("reads a tenant's workload", () => {
    const [tenant, account] = [newId('ten'), newId('sva')]
    const workload = workloadOf(leaf({ uris: [`spiffe://${DOMAIN}/region/eu-1/tenant/${tenant}/sa/${account}`] }), DOMAIN)
    expect(workload).toMatchObject({ tenant, region: 'eu-1' })
    expect(workload.service).toBeUndefined()
  })

  const bad: Record<string, Partial<CertificateTemplate>> = {
    'two URI names': { uris: [GOOD, `spiffe://${DOMAIN}/region/local/svc/identity`] },
    'no URI name': { uris: [] },
    'another trust domain': { uris: ['spiffe://elsewhere.test/region/local/svc/data'] },
    'a trust domain that only begins alike': { uris: [`spiffe://${DOMAIN}.evil.test/region/local/svc/data`] },
    'a URI that is no SPIFFE id': { uris: ['https://tenantry.test/region/local/svc/data'] },
    'upper case in the trust domain': { uris: ['spiffe://TENANTRY.test/region/local/svc/data'] },
    'a trust domain alone': { uris: [`spiffe://${DOMAIN}`] },
    'a trailing slash': { uris: [`${GOOD}/`] },
    'an empty segment': { uris: [`spiffe://${DOMAIN}/region//svc/data`] },
    'a dot segment': { uris: [`spiffe://${DOMAIN}/region/local/../svc/data`] },
    'an escape': { uris: [`spiffe://${DOMAIN}/region/local/svc/d%61ta`] },
    'a query': { uris: [`${GOOD}?a=b`] },
    'a port': { uris: [`spiffe://${DOMAIN}:8443/region/local/svc/data`] },
    'a NUL': { uris: [`${GOOD}\0x`] },
    'more than 2048 bytes': { uris: [`spiffe://${DOMAIN}/${'a'.repeat(2_048)}`] },
    'a CA as leaf': { isCa: true, keyUsage: ['digitalSignature'] },
    'no key usage': { keyUsage: null },
    'a key usage without digitalSignature': { keyUsage: ['cRLSign'] },
    'keyCertSign beside digitalSignature': { keyUsage: ['digitalSignature', 'keyCertSign'] },
    'cRLSign beside digitalSignature': { keyUsage: ['digitalSignature', 'cRLSign'] },
  }
  for (const [what, template] of Object.entries(bad)) {
    it(`refuses ${what} (threats 17)`, () => {
      expect(() => workloadOf(leaf(template), DOMAIN)).toThrow()
    })
  }

  it('refuses what is no certificate', () => {
    expect(() => workloadOf(Buffer.from('30820101', 'hex'), DOMAIN)).toThrow('not readable')
  })
})

describe('spiffePath()', () => {
  it('takes 2048 bytes', () => {
    const head = `spiffe://${DOMAIN}/`
    expect(spiffePath(head + 'a'.repeat(2_048 - head.length), DOMAIN)).toHaveLength(2_048 - head.length + 1)
  })
})
