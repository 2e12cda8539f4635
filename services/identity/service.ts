import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { FactService } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { createFactOwner } from '../platform/facts/fact-owner.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { Kms } from '../platform/keys/kms.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Sealer } from '../platform/keys/sealer.js'
import type { Workload } from '../platform/mesh/call.js'
import type { Route } from '../platform/mesh/rpc.js'
import { routes } from '../platform/mesh/rpc.js'
import type { Database } from '../platform/postgres/database.js'
import type { IdentityDeps, IdentityFacts, Lifetimes } from './deps.js'
import { FACT_TABLES } from './fact-tables.js'
import type { LoginLimitOptions } from './login/limits.js'
import { createLoginLimits } from './login/limits.js'
import type { PasswordOptions } from './login/passwords.js'
import { createPasswords } from './login/passwords.js'
import { createRole } from './rpc/create-role.js'
import { createSession } from './rpc/create-session.js'
import { createUser } from './rpc/create-user.js'
import { deleteRole } from './rpc/delete-role.js'
import { deleteUser } from './rpc/delete-user.js'
import { getJwks } from './rpc/get-jwks.js'
import { getRole } from './rpc/get-role.js'
import { getUser } from './rpc/get-user.js'
import { grantRole } from './rpc/grant-role.js'
import { listGrants } from './rpc/list-grants.js'
import { listPermissions } from './rpc/list-permissions.js'
import { listRoles } from './rpc/list-roles.js'
import { listSessions } from './rpc/list-sessions.js'
import { listUsers } from './rpc/list-users.js'
import { prepareTenant } from './rpc/prepare-tenant.js'
import { refreshSession } from './rpc/refresh-session.js'
import { renew } from './rpc/renew.js'
import { resumeUser } from './rpc/resume-user.js'
import { revokeRole } from './rpc/revoke-role.js'
import { revokeSession } from './rpc/revoke-session.js'
import { setPassword } from './rpc/set-password.js'
import { suspendUser } from './rpc/suspend-user.js'
import { updateRole } from './rpc/update-role.js'
import { updateUser } from './rpc/update-user.js'
import { startSweeper } from './sweeper.js'
import type { SigningKeyOptions } from './tokens/signing-keys.js'
import { openSigningKeys } from './tokens/signing-keys.js'

/** Migrations of identity's database. */
export const MIGRATIONS = new URL('./migrations/', import.meta.url)

export const LIFETIMES: Lifetimes = { accessToken: 300, refreshToken: 7 * 86_400, session: 30 * 86_400, refreshGrace: 10 }

export interface IdentityOptions {
  /** As the runtime role. */
  readonly db: Database
  /** Connections of `identity_relay`, which reads facts across tenants. */
  readonly factPool: Pick<Pool, 'connect'>
  readonly facts: IdentityFacts
  readonly keyStore: KeyStore
  readonly kms: Kms
  readonly sealer: Sealer
  readonly pageTokens: PageTokens
  /** `iss` of access tokens. */
  readonly issuer: string
  readonly region: string
  readonly leaseMs: number
  /** This service as a workload. */
  readonly self: Pick<Workload, 'spiffeId' | 'service'>
  readonly log: Logger
  readonly lifetimes?: Partial<Lifetimes>
  readonly limits?: Pick<LoginLimitOptions, 'perAccount' | 'perAddress' | 'windowSeconds'>
  readonly passwords?: PasswordOptions
  readonly signing?: Pick<SigningKeyOptions, 'periods' | 'refreshMs'>
  /** Between two sweeps of what is over. */
  readonly sweepMs?: number
}

export interface IdentityService {
  readonly routes: Route[]
  /** The public keys that verify tokens now, as JSON: what GetJwks answers. */
  jwks(): Promise<string>
  ready(): Promise<boolean>
  close(): Promise<void>
  /** For the first start: see `ensureOperator`. */
  readonly deps: IdentityDeps
}

/** Identity from its parts. The database is migrated; the platform tenant's keys exist. Makes the first signing key where there is none. */
export const openIdentityService = async (options: IdentityOptions): Promise<IdentityService> => {
  const { db, keyStore } = options
  const signingKeys = await openSigningKeys({ ...options, ...options.signing })
  const limits = createLoginLimits({ db, keyStore, ...options.limits })
  const deps: IdentityDeps = {
    ...options,
    limits,
    signingKeys,
    passwords: createPasswords(options.passwords),
    lifetimes: { ...LIFETIMES, ...options.lifetimes },
  }
  const sweeper = startSweeper(deps, options.sweepMs)
  return {
    deps,
    routes: identityRoutes(deps, options.factPool),
    jwks: () => Promise.resolve(JSON.stringify(signingKeys.jwks())),
    ready: async () => signingKeys.ready() && (await Promise.all([db.ready(), keyStore.ready()])).every(Boolean),
    close: async () => {
      await sweeper.close()
      await signingKeys.close()
    },
  }
}

const identityRoutes = (deps: IdentityDeps, factPool: IdentityOptions['factPool']): Route[] => [
  ...routes(SessionService, {
    createSession: createSession(deps),
    refreshSession: refreshSession(deps),
    revokeSession: revokeSession(deps),
    listSessions: listSessions(deps),
    getJwks: getJwks(deps),
  }),
  ...routes(UserService, {
    createUser: createUser(deps),
    getUser: getUser(deps),
    listUsers: listUsers(deps),
    updateUser: updateUser(deps),
    deleteUser: deleteUser(deps),
    suspendUser: suspendUser(deps),
    resumeUser: resumeUser(deps),
    setPassword: setPassword(deps),
  }),
  ...routes(RoleService, {
    createRole: createRole(deps),
    getRole: getRole(deps),
    listRoles: listRoles(deps),
    updateRole: updateRole(deps),
    deleteRole: deleteRole(deps),
    grantRole: grantRole(deps),
    revokeRole: revokeRole(deps),
    listGrants: listGrants(deps),
    listPermissions: listPermissions(),
  }),
  ...routes(FactService, { renew: renew(createFactOwner({ pool: factPool, tables: FACT_TABLES })) }),
  ...routes(TenancyService, { prepareTenant: prepareTenant(deps) }),
]
