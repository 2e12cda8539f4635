import type { EventDraft, SealedDraft } from '../platform/events/draft.js'
import type { PageTokens } from '../platform/keys/page-token.js'
import type { Call } from '../platform/mesh/call.js'
import type { Database } from '../platform/postgres/database.js'
import type { Collections } from './collections.js'
import type { Mutations } from './mutations.js'

/** The parts that the data service's RPCs are made of. */
export interface DataService {
  readonly db: Database
  readonly collections: Collections
  readonly pageTokens: PageTokens
  readonly mutations: Mutations
  /** Numbers an event of the call and seals what it says about people. */
  readonly seal: (draft: EventDraft, call: Call) => SealedDraft
}
