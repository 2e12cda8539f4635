import { afterEach, describe, expect, it } from '@jest/globals'
import { createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { toBinary, create } from '@bufbuild/protobuf'
import { TenancyService, PrepareTenantRequestSchema } from '../../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { newId } from '../ids.js'
import { authorityOf, newAuthority } from './certificates/authority.js'
import type { CertificateTemplate, Pair } from './certificates/x509.js'
import { makeCertificate, newKey, pem } from './certificates/x509.js'
import { routes } from './rpc.js'
import type { TestMesh } from './testing.js'
import { createTestMesh, handSource, REGION, TRUST_DOMAIN } from './testing.js'
import { closesSoon, dial, sendFrames } from './testing/wire.js'
import { serviceSpiffeId } from './workload.js'

const request = () => ({ tenantId: newId('ten'), operationId: newId('op'), placement: 'pool', tier: 'standard', region: 'local' })
const bytes = () => toBinary(PrepareTenantRequestSchema, create(PrepareTenantRequestSchema, request()))
const PATH = '/tenantry.tenancy.v1.TenancyService/PrepareTenant'
const GOOD = serviceSpiffeId(TRUST_DOMAIN, REGION, 'tenant')

const ca: Pair = newAuthority(TRUST_DOMAIN)
const authority = authorityOf(ca)
const leaf = (more: Partial<CertificateTemplate> = {}, issuer: Pair = ca) => {
  const key = newKey()
  const now = Date.now()
  const certificate = makeCertificate(
    { commonName: 'x', notBefore: new Date(now - 60_000), notAfter: new Date(now + 60_000), isCa: false, uris: [GOOD], ...more },
    key,
    issuer,
  )
  return { cert: pem('CERTIFICATE', certificate), key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), ca: authority.ca }
}

let calls = 0
let mesh: TestMesh
const start = async (more: object = {}) => {
  calls = 0
  mesh = await createTestMesh({
    routes: routes(TenancyService, { prepareTenant: () => (calls++, Promise.resolve({})) }),
    source: handSource(authority, serviceSpiffeId(TRUST_DOMAIN, REGION, 'data')).source,
    ...more,
  })
}
afterEach(() => mesh.close())

/** Dials, sends a well-formed call and says what became of it. */
const attempt = async (
  certificate: Partial<ReturnType<typeof leaf>>,
  more: object = {},
): Promise<'dispatched' | 'closed' | 'no handshake'> => {
  const before = mesh.records.length
  let socket
  try {
    socket = await dial(mesh.server.port, certificate, more)
  } catch {
    return 'no handshake'
  }
  sendFrames(socket, PATH, [], bytes())
  const closed = closesSoon(socket, 3_000)
  for (let i = 0; i < 300; i++) {
    if (mesh.records.length > before) {
      socket.destroy()
      return 'dispatched'
    }
    if (socket.destroyed) break
    await sleep(10)
  }
  return (await closed) ? 'closed' : 'dispatched'
}

describe('a connection to the mesh', () => {
  it('is served with an SVID of ours', async () => {
    await start()
    expect(await attempt(leaf())).toBe('dispatched')
    expect(calls).toBe(1)
  })

  const bad: Record<string, () => ReturnType<typeof leaf>> = {
    'two URI names': () => leaf({ uris: [GOOD, `${GOOD}2`] }),
    'no URI name': () => leaf({ uris: [], dns: ['localhost'] }),
    'another trust domain': () => leaf({ uris: ['spiffe://elsewhere.test/region/local/svc/tenant'] }),
    'a path with dots': () => leaf({ uris: [`spiffe://${TRUST_DOMAIN}/region/../svc/tenant`] }),
    'a CA as leaf': () => leaf({ isCa: true, keyUsage: ['digitalSignature', 'keyCertSign'] }),
    'no key usage': () => leaf({ keyUsage: null }),
  }
  for (const [what, make] of Object.entries(bad)) {
    it(`is closed before any call is dispatched: ${what} (threats 17)`, async () => {
      let refused = 0
      await start({ onRefused: () => refused++ })
      const certificate = make()
      expect(await attempt(certificate)).toBe('closed')
      expect([calls, mesh.records.length, refused]).toEqual([0, 0, 1])

      // TLS by itself takes this certificate: it is our check that refuses it.
      const bare = createServer({
        ...authority.issue({ spiffeId: GOOD, ttlMs: 60_000 }),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
      })
      const authorized = new Promise((resolve) => bare.on('secureConnection', (socket) => (resolve(socket.authorized), socket.destroy())))
      await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
      const socket = await dial((bare.address() as AddressInfo).port, certificate, { ALPNProtocols: undefined })
      socket.on('error', () => undefined)
      expect(await authorized).toBe(true)
      socket.destroy()
      bare.close()
    })
  }

  const refusedByTls: Record<string, () => Partial<ReturnType<typeof leaf>>> = {
    'no certificate': () => ({ ca: authority.ca }),
    'a certificate of another CA': () => leaf({}, newAuthority(TRUST_DOMAIN)),
    'an expired certificate': () => leaf({ notAfter: new Date(Date.now() - 1_000) }),
    'a certificate of the future': () => leaf({ notBefore: new Date(Date.now() + 30_000) }),
    'a certificate for servers only': () => leaf({ purposes: ['server'] }),
  }
  for (const [what, make] of Object.entries(refusedByTls)) {
    it(`is refused: ${what} (threats 47)`, async () => {
      await start()
      expect(await attempt(make())).not.toBe('dispatched')
      expect(calls).toBe(0)
    })
  }

  it('is refused below TLS 1.3', async () => {
    await start()
    expect(await attempt(leaf(), { maxVersion: 'TLSv1.2' })).toBe('no handshake')
  })

  it('listens on loopback unless told otherwise', async () => {
    await start()
    expect(mesh.server.address).toBe(`127.0.0.1:${mesh.server.port}`)
  })
})

describe('rotation', () => {
  it('renews both ends under load, and the CA too, without a failed call', async () => {
    const next = authorityOf(newAuthority(TRUST_DOMAIN))
    const both = `${authority.ca}${next.ca}`
    const server = handSource(authority, serviceSpiffeId(TRUST_DOMAIN, REGION, 'data'))
    const client = handSource(authority, GOOD)
    await start({ source: server.source })
    const rpc = mesh.connect(GOOD, { source: client.source, channels: 2 }).client(TenancyService)
    let stop = false
    const failures: unknown[] = []
    let done = 0
    const load = Array.from({ length: 8 }, async () => {
      while (!stop) {
        await rpc.prepareTenant(request()).then(
          () => done++,
          (error: unknown) => failures.push(error),
        )
      }
    })
    // First everyone trusts both, then leaves of the new CA, then the old one goes.
    for (const step of [
      () => (server.renew(authority, { ca: both }), client.renew(authority, { ca: both })),
      () => server.renew(next, { ca: both }),
      () => client.renew(next, { ca: both }),
      () => (server.renew(next), client.renew(next)),
    ]) {
      step()
      await sleep(150)
    }
    stop = true
    await Promise.all(load)
    expect(failures).toEqual([])
    expect(done).toBeGreaterThan(2)
    // The old CA is worth nothing any more.
    expect(await attempt(leaf())).not.toBe('dispatched')
  })

  it('leaves an old connection before its certificate ends', async () => {
    await start({ limits: { connectionGraceMs: 500 } })
    const socket = await dial(mesh.server.port, leaf({ notAfter: new Date(Date.now() + 3_000) }))
    sendFrames(socket, PATH, [], bytes())
    expect(await closesSoon(socket, 5_000)).toBe(true)
  })
})

describe('drain', () => {
  it('lets calls in flight end and takes no new connection', async () => {
    let release = (): void => undefined
    let entered = (): void => undefined
    const running = new Promise<void>((resolve) => (entered = resolve))
    const prepareTenant = () =>
      new Promise<object>((resolve) => {
        release = () => resolve({})
        entered()
      })
    await start({ routes: routes(TenancyService, { prepareTenant }) })
    const rpc = mesh.connect(GOOD, { attempts: 1, source: handSource(authority, GOOD).source }).client(TenancyService)
    const inFlight = rpc.prepareTenant(request())
    await running
    const closing = mesh.server.close(5_000)
    await sleep(50)
    expect(await attempt(leaf())).toBe('no handshake')
    release()
    await expect(inFlight).resolves.toBeDefined()
    await closing
  })
})
