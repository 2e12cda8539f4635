import type { Statement } from '../../platform/postgres/statement.js'

/**
 * Prepares the database for the context's tenant: the context must be signed for that purpose and name an operation. Answers with the tenant's
 * placement, which is the one asked for unless it was prepared before.
 */
export const provisionTenant = (placement: string): Statement<{ placement: string }> => ({
  name: 'provision-tenant',
  text: 'select platform.provision_tenant($1) as placement',
  values: [placement],
  rows: 1,
  writes: true,
})
