import type { EventDraft } from '../platform/events/draft.js'

export type Change = 'created' | 'updated' | 'deleted'

export const collectionName = (tenantId: string, collectionId: string): string => `tenants/${tenantId}/collections/${collectionId}`

export const recordName = (tenantId: string, collectionId: string, recordId: string): string =>
  `${collectionName(tenantId, collectionId)}/records/${recordId}`

/** The event of a change of a collection. */
export const collectionEvent = (
  change: Change,
  tenantId: string,
  collectionId: string,
  changedFields: readonly string[] = [],
): EventDraft => ({
  type: `tenantry.data.collection.${change}.v1`,
  topic: 'changes',
  subject: collectionName(tenantId, collectionId),
  changedFields,
})

/** The event of a change of a record: which fields changed, never what they hold. */
export const recordEvent = (
  change: Change,
  tenantId: string,
  collectionId: string,
  recordId: string,
  changedFields: readonly string[] = [],
): EventDraft => ({
  type: `tenantry.data.record.${change}.v1`,
  topic: 'changes',
  subject: recordName(tenantId, collectionId, recordId),
  changedFields,
  attributes: { collection_id: collectionId, record_id: recordId },
})
