import type { Facts } from '../platform/facts/facts.js'
import { newId } from '../platform/ids.js'
import { BUILT_IN_ROLES } from './built-in-roles.js'
import type { IdentityDeps } from './deps.js'
import type { ActingCall } from './events.js'
import { roleEvent, telling } from './events.js'
import { insertRole } from './store/insert-role.js'
import { listBuiltInRoles } from './store/list-roles.js'

/** Makes those of the built-in roles that the tenant lacks, all or none. Two at once: one of them fails with CONFLICT, and finds them made when it is tried again. */
export const makeBuiltInRoles = (
  deps: Pick<IdentityDeps, 'db' | 'sealer'> & { readonly facts: Pick<Facts, 'tenant' | 'subject'> },
  call: ActingCall,
  tenantId: string,
): Promise<void> =>
  deps.db.transact(call, async (tx) => {
    const [present] = await tx.run(listBuiltInRoles(tenantId))
    const missing = BUILT_IN_ROLES.filter(({ name }) => !present.some((role) => role.name === name))
    for (const role of missing) {
      const roleId = newId('rol')
      const insert = insertRole({ tenantId, roleId, builtIn: true, ...role })
      await tx.run(telling(deps, call, insert, roleEvent('created', tenantId, roleId, { attributes: { built_in: role.name } })))
    }
  })
