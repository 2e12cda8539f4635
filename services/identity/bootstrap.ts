import { newId, PLATFORM_TENANT } from '../platform/ids.js'
import { systemCall } from '../platform/postgres/system-call.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { IdentityDeps } from './deps.js'
import { telling, userEvent } from './events.js'
import { createPasswords } from './login/passwords.js'
import { makeBuiltInRoles } from './make-built-in-roles.js'
import { emailKey } from './normalize.js'
import { insertGrant } from './store/insert-grant.js'
import { insertUser } from './store/insert-user.js'
import { selectAdministrator } from './store/select-administrator.js'
import { selectRoleByName } from './store/select-role.js'
import { lockUser } from './store/lock-user.js'
import { touchUser } from './store/update-user.js'
import { upsertPassword } from './store/upsert-password.js'

/** What the first operator is made with; no running service is needed for it. */
export type BootstrapDeps = Pick<IdentityDeps, 'db' | 'sealer' | 'region' | 'self'> & {
  readonly keyStore: Pick<KeyStore, 'createUserKeys'>
}

/** Nothing is known of anyone yet: keys to seal to come with what is sealed. */
const NO_FACTS = { tenant: () => undefined, subject: () => undefined }

/**
 * Whether the platform has an administrator yet. At first start, false: the caller draws a password, writes it where the operator finds it, and only
 * then calls `ensureOperator`. A crash in between leaves a file that the next start reads and goes on with, never an operator whose password nobody has.
 */
export const hasOperator = async ({ db }: Pick<IdentityDeps, 'db'>): Promise<boolean> => {
  const [[present]] = await db.run(systemCall({ tenant: PLATFORM_TENANT }), selectAdministrator(PLATFORM_TENANT))
  return present !== undefined
}

/**
 * Makes the platform tenant's first administrator with that password, unless there is one: then nothing changes and the answer is false. All in one
 * transaction; two replicas at once make one. The platform tenant's keys exist.
 */
export const ensureOperator = async (
  options: BootstrapDeps,
  { email, password, displayName = 'Operator' }: { email: string; password: string; displayName?: string },
): Promise<boolean> => {
  const deps = { ...options, facts: NO_FACTS }
  const call = systemCall({ tenant: PLATFORM_TENANT, region: deps.region, workload: deps.self, timeoutMs: 30_000 })
  await makeBuiltInRoles(deps, call, PLATFORM_TENANT)
  if (await hasOperator(deps)) return false
  const userId = newId('usr')
  const hash = await createPasswords().hash(password, call.deadline.signal)
  const key = await deps.keyStore.createUserKeys(PLATFORM_TENANT, userId)
  const keys = { [userId]: key }
  return deps.db.transact(call, async (tx) => {
    const [[admin], [present]] = await tx.run(selectRoleByName(PLATFORM_TENANT, 'admin'), selectAdministrator(PLATFORM_TENANT))
    if (present) return false
    const user = {
      tenantId: PLATFORM_TENANT,
      userId,
      email,
      emailKey: emailKey(email),
      displayName,
      publicKey: key.publicKey,
      publicKeyId: key.keyId,
    }
    const created = userEvent('created', PLATFORM_TENANT, userId, {
      changedFields: ['email', 'display_name', 'password'],
      personal: { email, display_name: displayName },
    })
    const granted = userEvent('role_granted', PLATFORM_TENANT, userId, {
      changedFields: ['grants'],
      attributes: { role_id: admin!.role_id },
    })
    await tx.run(
      // Of two at once the second fails here: the address is taken, and its next attempt finds an administrator.
      telling(deps, call, insertUser(user), created, keys),
      upsertPassword(PLATFORM_TENANT, userId, hash),
      lockUser(PLATFORM_TENANT, userId),
      insertGrant(PLATFORM_TENANT, userId, admin!.role_id, ''),
      telling(deps, call, touchUser(PLATFORM_TENANT, userId), granted, keys),
    )
    return true
  })
}
