import type { KeyObject } from 'node:crypto'
import { createPrivateKey, randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@grpc/grpc-js'
import pg from 'pg'
import { AuditService } from '../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService } from '../proto/gen/tenantry/data/v1/collection_pb.js'
import { RoleService } from '../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../proto/gen/tenantry/identity/v1/user_pb.js'
import { PolicyService } from '../proto/gen/tenantry/policy/v1/policy_pb.js'
import { OperationService } from '../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { TenantService, Tier } from '../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Edge } from '../services/cli/context.js'
import { openEdge } from '../services/cli/edge.js'
import { KMS_KEY } from '../services/identity/tokens/signing-keys.js'
import { loadConfig } from '../services/platform/config/load.js'
import type { ConfigKey } from '../services/platform/config/schema.js'
import { newId, PLATFORM_TENANT } from '../services/platform/ids.js'
import { openLocalKeyring } from '../services/platform/keys/local-keyring.js'
import { openAuthority } from '../services/platform/mesh/certificates/authority.js'
import type { Certificate } from '../services/platform/mesh/certificates/source.js'
import type { TokenClaims } from '../services/platform/mesh/tokens.js'
import { signToken } from '../services/platform/mesh/tokens.js'
import { serviceSpiffeId } from '../services/platform/mesh/workload.js'
import { clientOptions } from '../services/platform/postgres/connection.js'
import { gatewayUrl, portOf } from '../services/platform/runtime/endpoints.js'
import type { ServiceName } from '../services/platform/mesh/call.js'
import { runAll } from '../services/run/all.js'
import { dialGrpc } from './wire.js'

/** One person's way into the platform, logged in with a password. */
export interface Seat {
  readonly tenantId: string
  readonly userId: string
  readonly sessionId: string
  readonly slug: string
  readonly email: string
  readonly password: string
  readonly token: string
  readonly refreshToken: string
  readonly edge: Edge
}

export type RoleName = 'admin' | 'editor' | 'viewer' | 'auditor' | 'none'
export const ROLES: readonly RoleName[] = ['admin', 'editor', 'viewer', 'auditor', 'none']

export interface Tenant {
  readonly tenantId: string
  readonly slug: string
  readonly operationId: string
  readonly seats: Readonly<Record<RoleName, Seat>>
}

export interface PlatformOptions {
  readonly overrides?: Partial<Record<ConfigKey, unknown>>
  /** OTEL_* as the process would have them. */
  readonly otel?: Readonly<Record<string, string>>
}

const PORTS: readonly ConfigKey[] = ['portGateway', 'portIdentity', 'portTenant', 'portData', 'portPolicy', 'portAudit']
/** Long, so that a busy machine does not take facts for stale; what revokes takes that long to answer. */
const LEASE_MS = 2_000
const HOUR = 3_600_000

/**
 * The whole platform in this process, on free ports, in a state directory of its own: real TLS, real Postgres, as `npm start` runs it. Stop it, whatever
 * happened: that removes everything.
 */
export const startPlatform = async ({ overrides = {}, otel = {} }: PlatformOptions = {}) => {
  const base = mkdtempSync(join(tmpdir(), 'tenantry-platform-'))
  // Where tests run as root, Postgres runs under another account and must get through.
  chmodSync(base, 0o711)
  const stateDir = join(base, 'state')
  mkdirSync(stateDir)
  const limits = { rateLimitPerTenant: 10_000_000, rateLimitPerAddress: 10_000_000 }
  const config = loadConfig({
    env: {},
    overrides: {
      ...Object.fromEntries(PORTS.map((key) => [key, 0])),
      stateDir,
      factsLeaseMs: LEASE_MS,
      factsRenewMs: 200,
      logLevel: 'error',
      drainMs: 500,
      ...limits,
      ...overrides,
    },
  })
  const running = await runAll({ config, fresh: false, version: 'test', otel, say: () => undefined }).catch((error: unknown) => {
    rmSync(base, { recursive: true, force: true })
    throw error
  })
  const { trustDomain, region } = running.config
  const authority = await openAuthority({ stateDir, trustDomain })
  const gateway = gatewayUrl(running.config)
  const closing: (() => unknown)[] = []

  const certificates = new Map<string, Certificate>()
  const certificateOf = (spiffeId: string): Certificate => {
    const known = certificates.get(spiffeId) ?? authority.issue({ spiffeId, ttlMs: HOUR })
    certificates.set(spiffeId, known)
    return known
  }
  const addressOf = (service: ServiceName): string => `127.0.0.1:${portOf(running.config, service)}`
  const clients = new Map<string, Client>()
  /** A connection to a service with the certificate of a SPIFFE id; kept for the next call. */
  const dial = (address: string, spiffeId: string): Client => {
    const key = `${address} ${spiffeId}`
    const known = clients.get(key) ?? dialGrpc(address, authority.ca, certificateOf(spiffeId))
    clients.set(key, known)
    return known
  }
  const edgeClient = dialGrpc(addressOf('gateway'), authority.ca)
  closing.push(() => edgeClient.close())

  const edgeOf = (token?: string): Edge => {
    const edge = openEdge(gateway, authority.ca, () => Promise.resolve(token))
    closing.push(() => edge.close())
    return edge
  }
  const anonymous = edgeOf()
  const logIn = async (slug: string, email: string, password: string): Promise<Seat> => {
    const { session, tokens } = await anonymous.client(SessionService).createSession({ slug, email, password })
    const { tenantId, userId, sessionId } = session!
    const { accessToken: token, refreshToken } = tokens!
    return { tenantId, userId, sessionId, slug, email, password, token, refreshToken, edge: edgeOf(token) }
  }

  const credential = JSON.parse(readFileSync(join(stateDir, 'operator.json'), 'utf8')) as { slug: string; email: string; password: string }
  const database = (name: string): pg.Client => {
    const password = readFileSync(join(stateDir, 'postgres', 'superuser.password'), 'utf8')
    const host = running.config.databaseHost!
    return new pg.Client(clientOptions({ host, port: running.config.databasePort, database: name, user: 'postgres', password }))
  }
  /** Rows of a query as the superuser of a database: for what a test asserts or spoils. */
  const query = async <R extends pg.QueryResultRow>(name: string, text: string, values: unknown[] = []): Promise<R[]> => {
    const client = database(name)
    await client.connect()
    try {
      return (await client.query<R>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  /** Identity's own signing key, opened as identity opens it. */
  const signingKey = async (): Promise<{ kid: string; key: KeyObject }> => {
    const rows = await query<{ kid: string; wrapped_private: Buffer }>(
      'identity',
      'select kid, wrapped_private from pool.signing_keys where active_from <= now() order by generation desc limit 1',
    )
    const { kid, wrapped_private } = rows[0]!
    const kms = await openLocalKeyring({ path: join(stateDir, 'keyring.json') })
    const der = await kms.unwrap(KMS_KEY, wrapped_private, { purpose: 'identity.signing', tenant: PLATFORM_TENANT, kid })
    kms.close()
    return { kid, key: createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }) }
  }

  const addUser = async (operator: Seat, tenant: { tenantId: string; slug: string }, role: RoleName): Promise<Seat> => {
    const { tenantId, slug } = tenant
    const email = `${role}@${slug}.test`
    const password = randomBytes(18).toString('base64url')
    const { user } = await operator.edge.client(UserService).createUser({ tenantId, email, displayName: role, password })
    if (role !== 'none') {
      const roles = operator.edge.client(RoleService)
      const held = (await roles.listRoles({ tenantId, pageSize: 200 })).roles.find(({ name }) => name === role)!
      await roles.grantRole({ tenantId, roleId: held.roleId, subjectId: user!.userId })
    }
    return logIn(slug, email, password)
  }

  /** Waits until every service lets an administrator in. */
  const knownEverywhere = async ({ edge, tenantId }: Seat): Promise<void> => {
    const questions = [{ action: 'data.record.read', resourceType: 'record', subjectId: newId('usr') }]
    const probes = [
      () => edge.client(RoleService).listRoles({ tenantId }),
      () => edge.client(TenantService).getTenant({ tenantId }),
      () => edge.client(CollectionService).listCollections({ tenantId }),
      () => edge.client(PolicyService).batchCheck({ tenantId, questions }),
      () => edge.client(AuditService).listEvents({ tenantId, pageSize: 1 }),
    ]
    await Promise.all(
      probes.map(async (probe) => {
        for (let left = 200; ; left--) {
          const refused = await probe().then<Error | undefined, Error | undefined>(
            () => undefined,
            (error: Error) => error,
          )
          if (refused === undefined) return
          if (left === 0) throw refused
          await sleep(50)
        }
      }),
    )
  }

  const platform = {
    config: running.config,
    stateDir,
    trustDomain,
    region,
    gateway,
    ca: authority.ca,
    authority,
    addressOf,
    certificateOf,
    dial,
    edgeClient,
    edgeOf,
    logIn,
    query,
    signingKey,
    operator: await logIn(credential.slug, credential.email, credential.password),
    serviceId: (service: string, inRegion = region): string => serviceSpiffeId(trustDomain, inRegion, service),
    /** A machine of a tenant: a new account each time. */
    machineId: (tenantId: string): string => `spiffe://${trustDomain}/region/${region}/tenant/${tenantId}/sa/${newId('sva')}`,
    /** A token as identity would sign it for a seat, but for what the test changes. */
    mint: async (seat: Pick<Seat, 'userId' | 'tenantId' | 'sessionId'>, more: Partial<TokenClaims> = {}): Promise<string> => {
      const { kid, key } = await signingKey()
      const now = Math.floor(Date.now() / 1000)
      const claims: TokenClaims = {
        iss: running.config.issuer ?? gateway,
        aud: 'tenantry',
        sub: seat.userId,
        tenant: seat.tenantId,
        region,
        sid: seat.sessionId,
        auth_time: now,
        iat: now,
        nbf: now,
        exp: now + 300,
        jti: randomUUID(),
        ...more,
      }
      return signToken(claims, kid, key)
    },
    /** A new tenant with users of built-in roles (an admin always) and one of none, all logged in and known everywhere. */
    onboard: async (name: string, tier: Tier = Tier.STANDARD, roles: readonly RoleName[] = ROLES): Promise<Tenant> => {
      const slug = `${name}-${randomBytes(3).toString('hex')}`
      const { operator } = platform
      const { operation, tenantId } = await operator.edge.client(TenantService).createTenant({ slug, displayName: name, tier })
      const { operation: done } = await operator.edge
        .client(OperationService)
        .waitOperation({ tenantId, operationId: operation!.operationId, timeout: { seconds: 25n, nanos: 0 } })
      if (!done!.done || done!.result.case === 'error') throw new Error(`provisioning of ${slug} did not end well`)
      const seat = async (role: RoleName) => [role, await addUser(operator, { tenantId, slug }, role)] as const
      const seats = await Promise.all(roles.filter((role) => role !== 'admin').map(seat))
      // Facts come in the order of their commits: who knows the last grant knows all.
      const admin = await addUser(operator, { tenantId, slug }, 'admin')
      await knownEverywhere(admin)
      const all = Object.fromEntries([...seats, ['admin', admin]]) as Tenant['seats']
      return { tenantId, slug, operationId: operation!.operationId, seats: all }
    },
    stop: async (): Promise<void> => {
      for (const close of closing) close()
      for (const client of clients.values()) client.close()
      try {
        await running.stop()
      } finally {
        rmSync(base, { recursive: true, force: true })
      }
    },
  }
  return platform
}

export type Platform = Awaited<ReturnType<typeof startPlatform>>
