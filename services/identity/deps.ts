import type { Logger } from 'pino'
import type { FactsModel } from '../platform/facts/create-facts.js'
import type { Facts } from '../platform/facts/facts.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Sealer } from '../platform/keys/sealer.js'
import type { Call, Workload } from '../platform/mesh/call.js'
import type { Database, DbCall } from '../platform/postgres/database.js'
import type { LoginLimits } from './login/limits.js'
import type { Passwords } from './login/passwords.js'
import type { SigningKeys } from './tokens/signing-keys.js'

/** How long things live, in seconds. */
export interface Lifetimes {
  readonly accessToken: number
  /** A refresh token that is not used for so long is refused. */
  readonly refreshToken: number
  /** A session ends then, however it is used. */
  readonly session: number
  /** The previous refresh token is accepted once more for so long: an answer may have been lost. */
  readonly refreshGrace: number
}

/** The read model, and a way to have it newer than its lease asks for: a refusal must not rest on a grant not heard of yet. */
export type IdentityFacts = Facts & Pick<FactsModel, 'refresh'>

/** What the RPCs of identity are built from. */
export interface IdentityDeps {
  readonly db: Database
  readonly facts: IdentityFacts
  readonly keyStore: Pick<KeyStore, 'createUserKeys' | 'dataKey'>
  readonly sealer: Sealer
  readonly pageTokens: PageTokens
  readonly passwords: Passwords
  readonly limits: LoginLimits
  readonly signingKeys: SigningKeys
  readonly lifetimes: Lifetimes
  /** `iss` of access tokens. */
  readonly issuer: string
  readonly region: string
  /** How long a replica trusts facts: a narrowing change answers when that and a margin have passed since its commit. */
  readonly leaseMs: number
  /** This service as a workload: who acts where nobody called. */
  readonly self: Pick<Workload, 'spiffeId' | 'service'>
  readonly log: Logger
}

/** A database context of another tenant than the call's: the platform's, before the tenant of a login is known. */
export const inTenant = (call: Call, tenant: string): DbCall => ({
  tenant,
  deadline: call.deadline,
  span: call.span,
  method: call.method,
  get mayWrite() {
    return call.mayWrite
  },
})
