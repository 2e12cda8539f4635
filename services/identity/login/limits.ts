import { createHmac } from 'node:crypto'
import { PLATFORM_TENANT } from '../../platform/ids.js'
import type { KeyStore } from '../../platform/keys/key-store.js'
import type { Call } from '../../platform/mesh/call.js'
import { AppError } from '../../platform/mesh/errors.js'
import { networkOf } from '../../platform/network-of.js'
import type { Database } from '../../platform/postgres/database.js'
import { inTenant } from '../deps.js'
import { countAttempt } from '../store/count-attempt.js'
import { forgiveAttempt } from '../store/forgive-attempt.js'

export interface LoginLimitOptions {
  readonly db: Database
  readonly keyStore: Pick<KeyStore, 'dataKey'>
  /** Attempts within a window for one account, whether it exists or not. */
  readonly perAccount?: number
  /** Attempts within a window from one client address. */
  readonly perAddress?: number
  readonly windowSeconds?: number
}

/** Who tries: the account as the request names it. The address is the call's. */
export interface Attempt {
  readonly slug: string
  readonly emailKey: string
}

export interface LoginLimits {
  /** Counts the attempt, then throws TOO_MANY_ATTEMPTS if it is one too many. */
  count(call: Call, attempt: Attempt): Promise<void>
  /** Takes a successful attempt back. */
  forgive(call: Call, attempt: Attempt): Promise<void>
  readonly windowSeconds: number
}

/**
 * Limits attempts by a sliding window in the database, the same for all replicas. Accounts and addresses are known by their HMAC alone, and all rows are
 * the platform's: no tenant is proven yet, and one that does not exist counts like any other.
 */
export const createLoginLimits = (options: LoginLimitOptions): LoginLimits => {
  const { db, keyStore, perAccount = 10, perAddress = 100, windowSeconds = 900 } = options
  const keysOf = async (call: Call, { slug, emailKey }: Attempt) => {
    const { key } = await keyStore.dataKey(PLATFORM_TENANT, 'identity.attempts')
    const of = (...parts: string[]): Buffer => createHmac('sha256', key).update(JSON.stringify(parts)).digest()
    return { account: of('account', slug, emailKey), address: of('address', networkOf(call.clientAddress ?? '')) }
  }
  return {
    windowSeconds,
    async count(call, attempt) {
      const { account, address } = await keysOf(call, attempt)
      const limits = [
        { key: account, limit: perAccount },
        { key: address, limit: perAddress },
      ]
      const [rows] = await db.run(inTenant(call, PLATFORM_TENANT), countAttempt(PLATFORM_TENANT, limits, windowSeconds))
      const over = rows.some((row) => row.attempts > limits.find(({ key }) => key.equals(row.key))!.limit)
      if (over) throw new AppError('TOO_MANY_ATTEMPTS', 'too many attempts to log in; try again later')
    },
    async forgive(call, attempt) {
      const { account, address } = await keysOf(call, attempt)
      await db.run(inTenant(call, PLATFORM_TENANT), forgiveAttempt(PLATFORM_TENANT, account, address))
    },
  }
}
