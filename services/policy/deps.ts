import type { Authorizer } from '../platform/mesh/authorizer.js'
import type { MeshMethod } from '../platform/mesh/method.js'
import type { Bundle } from '../platform/policy/bundle.js'
import type { PageTokens } from '../platform/keys/page-token.js'

/** The bundle that is in force. */
export interface ActiveBundle {
  readonly bundle: Bundle
  /** When this process put it in force. */
  readonly activated: Date
}

/** What the policy service is built from. It has no database: what it serves is the bundle of the release. */
export interface PolicyDeps {
  readonly region: string
  readonly authorizer: Authorizer
  readonly active: () => ActiveBundle | undefined
  /** The method that asks for an action: what a question about the action is decided as. */
  readonly methodOf: (action: string) => MeshMethod | undefined
  readonly pageTokens: PageTokens
}
