import type { Statement } from '../../platform/postgres/statement.js'

/** Removes generations that nothing is verified with any more. */
export const deleteSigningKeys = (tenantId: string, upTo: number): Statement<never> => ({
  name: 'delete-signing-keys',
  text: `delete from @.signing_keys where tenant_id = $1 and generation <= $2`,
  values: [tenantId, upTo],
  rows: 'any',
  writes: true,
})
