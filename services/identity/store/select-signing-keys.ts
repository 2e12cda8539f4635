import type { Statement } from '../../platform/postgres/statement.js'
import type { SigningKeyRow } from './rows.js'

/** Every signing key there is, the oldest first, with the database's time. */
export const selectSigningKeys = (tenantId: string): Statement<SigningKeyRow> => ({
  name: 'select-signing-keys',
  text: `select generation, kid, public_jwk, wrapped_private, active_from, clock_timestamp() as now
         from @.signing_keys where tenant_id = $1 order by generation`,
  values: [tenantId],
})
