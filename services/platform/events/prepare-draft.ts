import type { Call } from '../mesh/call.js'
import { AppError } from '../mesh/errors.js'
import type { Facts } from '../facts/facts.js'
import type { PublicKey } from '../keys/key-store.js'
import type { Sealer } from '../keys/sealer.js'
import type { EventDraft, SealedDraft } from './draft.js'

/**
 * Numbers an event of the call and seals what it says about people: one part for each key, the tenant's and those of the users it speaks of, so
 * that nothing personal is written in clear. `extraKeys` are public keys by tenant or user id that facts do not know yet, as of a user being
 * created. Throws AppError KEYS_UNAVAILABLE when a key is missing: nothing is ever written unsealed instead.
 */
export const sealDraft = (
  draft: EventDraft,
  call: Pick<Call, 'tenant' | 'nextEvent'>,
  sealer: Sealer,
  facts: Pick<Facts, 'tenant' | 'subject'>,
  extraKeys: Readonly<Record<string, PublicKey>> = {},
): SealedDraft => {
  const { personal = [], ...clear } = draft
  const tenantId = draft.tenant ?? call.tenant
  const details = new Map<string | undefined, Record<string, unknown>>()
  for (const part of personal) details.set(part.subjectId, { ...details.get(part.subjectId), ...part.details })
  // Keys first: a call whose event cannot be sealed has no number in its record.
  const keys = [...details].map(([subjectId, of]) => ({ subjectId, of, key: keyOf(tenantId, subjectId, facts, extraKeys) }))
  const { id, ordinal } = call.nextEvent(draft)
  return { ...clear, id, ordinal, sealed: keys.map(({ subjectId, of, key }) => sealer.seal(key, tenantId, id, of, subjectId)) }
}

const keyOf = (
  tenantId: string,
  subjectId: string | undefined,
  facts: Pick<Facts, 'tenant' | 'subject'>,
  extraKeys: Readonly<Record<string, PublicKey>>,
): PublicKey => {
  const owner = subjectId ?? tenantId
  if (Object.hasOwn(extraKeys, owner)) return extraKeys[owner]!
  const fact = subjectId === undefined ? facts.tenant(tenantId) : facts.subject(tenantId, subjectId)
  if (fact === undefined || fact.publicKey.length !== 32)
    throw new AppError('KEYS_UNAVAILABLE', 'a key to seal the event to is not known yet')
  return { keyId: fact.publicKeyId, publicKey: fact.publicKey }
}
