import { createHash, randomUUID, sign, X509Certificate } from 'node:crypto'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { newKey } from '../../services/platform/mesh/certificates/x509.js'
import { signToken } from '../../services/platform/mesh/tokens.js'
import type { Platform, Seat, Tenant } from '../platform.js'
import type { CallerKind } from './expectations.js'

/** Who makes a call: over which certificate (none: at the edge), with which token, about which tenant. */
export interface Caller {
  readonly spiffeId: string | undefined
  readonly token: string | undefined
  /** Whose rows the request names: the suspended tenant's own, else the tenant's. */
  readonly tenant: Tenant
  /** Who the token speaks for. */
  readonly seat: Seat | undefined
}

export interface Cast {
  readonly own: Tenant
  readonly foreign: Tenant
  readonly suspended: Tenant
  readonly callers: Readonly<Record<CallerKind, Caller>>
}

/** RFC 8705. */
const thumbprint = (certificate: string): string => createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url')

/** The token with its header or signature exchanged. */
const retyped = async (platform: Platform, token: string): Promise<string> => {
  const { kid, key } = await platform.signingKey()
  const text = `${Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'JWT', kid })).toString('base64url')}.${token.split('.')[1]}`
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const tampered = (token: string): string => {
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const claims = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), jti: randomUUID() }
  return `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
}

/** Three tenants, the third suspended after its people logged in, and every kind of caller of the table. */
export const assemble = async (platform: Platform): Promise<Cast> => {
  const [own, foreign, suspended] = await Promise.all([
    platform.onboard('own'),
    platform.onboard('foreign', undefined, ['admin']),
    platform.onboard('suspended', undefined, ['admin']),
  ])
  const { operator, serviceId, machineId } = platform
  await operator.edge.client(TenantService).suspendTenant({ tenantId: suspended.tenantId })
  const { admin } = own.seats
  const [gateway, billing] = [serviceId('gateway'), serviceId('billing')]
  const [machine, other] = [machineId(own.tenantId), machineId(own.tenantId)]
  const bound = await platform.mint(admin, { cnf: { 'x5t#S256': thumbprint(platform.certificateOf(machine).cert) } })
  const past = Math.floor(Date.now() / 1000) - 1_000
  const expired = await platform.mint(admin, { iat: past, nbf: past, exp: past + 300 })
  const { kid } = await platform.signingKey()
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as never

  const workload = (spiffeId: string): Caller => ({ spiffeId, token: undefined, tenant: own, seat: undefined })
  const subject = (seat: Seat, more: Partial<Caller> = {}): Caller => ({ spiffeId: gateway, token: seat.token, tenant: own, seat, ...more })
  const edge = { spiffeId: undefined }
  const callers: Record<CallerKind, Caller> = {
    gateway: workload(gateway),
    identity: workload(serviceId('identity')),
    tenant: workload(serviceId('tenant')),
    data: workload(serviceId('data')),
    policy: workload(serviceId('policy')),
    audit: workload(serviceId('audit')),
    machine: workload(machine),
    billing: workload(billing),
    'foreign-gateway': workload(serviceId('gateway', 'elsewhere')),
    nobody: workload(`spiffe://${platform.trustDomain}/region/${platform.region}/somebody/else`),
    admin: subject(admin),
    editor: subject(own.seats.editor),
    viewer: subject(own.seats.viewer),
    auditor: subject(own.seats.auditor),
    none: subject(own.seats.none),
    'foreign-admin': subject(foreign.seats.admin),
    'suspended-admin': subject(suspended.seats.admin, { tenant: suspended }),
    operator: subject(operator),
    bound: subject(admin, { spiffeId: machine, token: bound }),
    'machine-own': subject(admin, { spiffeId: machine }),
    'machine-foreign': subject(admin, { spiffeId: machineId(foreign.tenantId) }),
    'bound-mismatched': subject(admin, { spiffeId: other, token: bound }),
    'bound-forwarded': subject(admin, { token: bound }),
    'bound-billing': subject(admin, { spiffeId: billing, token: bound }),
    expired: subject(admin, { token: expired }),
    'wrong-audience': subject(admin, { token: await platform.mint(admin, { aud: 'another' }) }),
    'wrong-issuer': subject(admin, { token: await platform.mint(admin, { iss: 'https://another.test' }) }),
    'wrong-type': subject(admin, { token: await retyped(platform, admin.token) }),
    'unknown-key': subject(admin, { token: signToken(claimsOf(admin.token), kid, newKey()) }),
    tampered: subject(admin, { token: tampered(admin.token) }),
    'edge-nobody': { ...edge, token: undefined, tenant: own, seat: undefined },
    'edge-admin': subject(admin, edge),
    'edge-foreign-admin': subject(foreign.seats.admin, edge),
    'edge-operator': subject(operator, edge),
    'edge-bound': subject(admin, { ...edge, token: bound }),
    'edge-expired': subject(admin, { ...edge, token: expired }),
  }
  return { own, foreign, suspended, callers }
}
