import { PLATFORM_TENANT } from '../platform/ids.js'
import { systemCall } from '../platform/postgres/system-call.js'
import type { IdentityDeps } from './deps.js'
import { deleteExpiredSessions, deleteOldAttempts } from './store/delete-expired.js'

const HOUR_MS = 3_600_000
/** Facts name a revoked session for a token's lifetime: it stays longer than that. */
const SESSION_GRACE_SECONDS = 2 * 3_600

/** Removes what is over, tenant by tenant: ended sessions with their refresh tokens, and counts of attempts. Any number of replicas may. */
export const sweep = async ({ db, facts, limits, lifetimes }: IdentityDeps): Promise<void> => {
  const grace = Math.max(SESSION_GRACE_SECONDS, 2 * lifetimes.accessToken)
  for (const { tenantId } of facts.tenants()) await db.run(systemCall({ tenant: tenantId }), deleteExpiredSessions(tenantId, grace))
  await db.run(systemCall({ tenant: PLATFORM_TENANT }), deleteOldAttempts(PLATFORM_TENANT, 3 * limits.windowSeconds))
}

/** Sweeps again and again until closed; a sweep that fails is tried again at the next turn. */
export const startSweeper = (deps: IdentityDeps, everyMs = HOUR_MS): { close(): Promise<void> } => {
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running.then(() => sweep(deps)).catch((error: unknown) => deps.log.warn({ err: error }, 'sweeping ended sessions failed'))
  }, everyMs)
  timer.unref()
  return {
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}
