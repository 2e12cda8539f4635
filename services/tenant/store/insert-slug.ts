import type { Statement } from '../../platform/postgres/statement.js'

/** Takes a slug for good; a taken one is ALREADY_EXISTS. */
export const insertSlug = (slug: string, tenantId: string): Statement<{ taken: boolean }> => ({
  name: 'insert-slug',
  text: 'insert into platform.directory (slug, tenant_id) values ($1, $2) returning true as taken',
  values: [slug, tenantId],
  rows: 1,
  writes: true,
  constraints: { directory_pkey: { reason: 'ALREADY_EXISTS', message: 'slug: is taken' } },
})
