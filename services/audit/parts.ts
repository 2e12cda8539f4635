import type { KeyStore } from '../platform/keys/key-store.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Opener } from '../platform/keys/sealer.js'
import type { Database } from '../platform/postgres/database.js'

/** What the RPCs of this service are made of. */
export interface AuditParts {
  readonly db: Database
  readonly keyStore: Pick<KeyStore, 'createTenantKeys'>
  readonly opener: Opener
  readonly pageTokens: PageTokens
}
