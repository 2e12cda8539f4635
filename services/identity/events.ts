import type { EventDraft } from '../platform/events/draft.js'
import { sealDraft } from '../platform/events/prepare-draft.js'
import type { Facts } from '../platform/facts/facts.js'
import type { PublicKey } from '../platform/keys/key-store.js'
import type { Call } from '../platform/mesh/call.js'
import type { DbCall } from '../platform/postgres/database.js'
import { emitting } from '../platform/postgres/emitting.js'
import type { EmittingCall } from '../platform/postgres/emitting.js'
import type { Statement } from '../platform/postgres/statement.js'
import type { IdentityDeps } from './deps.js'
import { roleFact, subjectFact } from './store/fact-sql.js'

export type UserChange =
  'created' | 'updated' | 'deleted' | 'suspended' | 'resumed' | 'password_set' | 'session_revoked' | 'role_granted' | 'role_revoked'
export type RoleChange = 'created' | 'updated' | 'deleted'
export type SessionChange = 'created' | 'refreshed'

interface Details {
  readonly changedFields?: readonly string[]
  readonly attributes?: Readonly<Record<string, string>>
}

/** A change of a subject: its grants and ended sessions are part of it, so that whoever applies events by version misses none of them. */
export const userEvent = (
  change: UserChange,
  tenantId: string,
  userId: string,
  { personal, ...details }: Details & { readonly personal?: Readonly<Record<string, unknown>> } = {},
): EventDraft => ({
  type: `tenantry.identity.user.${change}.v1`,
  topic: 'facts',
  subject: `tenants/${tenantId}/users/${userId}`,
  factSql: subjectFact('changed'),
  ...details,
  ...(personal && { personal: [{ subjectId: userId, details: personal }] }),
})

export const roleEvent = (change: RoleChange, tenantId: string, roleId: string, details: Details = {}): EventDraft => ({
  type: `tenantry.identity.role.${change}.v1`,
  topic: 'facts',
  subject: `tenants/${tenantId}/roles/${roleId}`,
  factSql: roleFact('changed'),
  ...details,
})

export const signingKeyEvent = (tenantId: string, kid: string): EventDraft => ({
  type: 'tenantry.identity.signing_key.created.v1',
  topic: 'changes',
  subject: `tenants/${tenantId}/signingKeys/${kid}`,
})

/** A session begins and goes on by events of its own; that it ended is a fact about its user. */
export const sessionEvent = (change: SessionChange, tenantId: string, sessionId: string, userId: string): EventDraft => ({
  type: `tenantry.identity.session.${change}.v1`,
  topic: 'changes',
  subject: `tenants/${tenantId}/sessions/${sessionId}`,
  attributes: { user_id: userId },
})

/** A call that makes events: one of the mesh, or a worker's own. */
export type ActingCall = EmittingCall & DbCall & Pick<Call, 'nextEvent'>

/** The statement with its event, numbered and sealed. `keys`: of users that facts do not know yet. */
export const telling = <Row>(
  deps: Pick<IdentityDeps, 'sealer'> & { readonly facts: Pick<Facts, 'tenant' | 'subject'> },
  call: ActingCall,
  statement: Statement<Row>,
  draft: EventDraft,
  keys?: Readonly<Record<string, PublicKey>>,
): Statement<Row> => emitting(statement, sealDraft(draft, call, deps.sealer, deps.facts, keys), call)
