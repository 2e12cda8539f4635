import type { SealedPart } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'

/**
 * A change's event before it happened: `emitting(statement, draft)` inserts it from the change's RETURNING, so that no row changed is no event.
 * The RETURNING must have `version` (the entity's, after the change); SQL expressions see the changed row as `changed`.
 */
export interface EventDraft {
  /** `tenantry.<service>.<resource>.<past tense>.v1` */
  readonly type: string
  readonly topic: 'facts' | 'changes'
  /** Name of the resource: `tenants/ten_x/collections/col_y/records/rec_z`. */
  readonly subject: string
  /** Names of changed fields, never values. */
  readonly changedFields?: readonly string[]
  /** Clear details: ids and enumerations only. */
  readonly attributes?: Readonly<Record<string, string>>
  /** SQL expression over `changed` that gives the whole fact as jsonb, in the JSON form of tenantry.facts.v1.Fact. */
  readonly factSql?: string
  /** Into whose log, where it is not the call's tenant. */
  readonly tenant?: string
  /** What it says about people, to be sealed before it is written. Made by the Sealer with the event's id. */
  readonly personal?: readonly PersonalPart[]
}

/** Plaintext for one key: the tenant's own, or a user's. */
export interface PersonalPart {
  /** The user it speaks of; absent: the tenant's part. */
  readonly subjectId?: string
  readonly details: Readonly<Record<string, unknown>>
}

/** An event as the outbox takes it: numbered and sealed. */
export interface SealedDraft extends Omit<EventDraft, 'personal'> {
  readonly id: string
  readonly ordinal: number
  readonly sealed: readonly SealedPart[]
}
