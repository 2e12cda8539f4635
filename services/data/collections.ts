import type { Call } from '../platform/mesh/call.js'
import { AppError, notFound } from '../platform/mesh/errors.js'
import type { ReasonName } from '../platform/mesh/errors.js'
import type { Database } from '../platform/postgres/database.js'
import { definitionOf } from './definition.js'
import type { Definition } from './definition.js'
import { selectCollection } from './store/select-collection.js'

const GENERATION = 5_000

/**
 * Definitions of collections, cached by tenant and collection. A definition only grows, so a stale one can only refuse too much: `using` reads it
 * anew before it lets such a refusal stand. That the collection still exists is for the statement itself to say (its foreign key).
 */
export interface Collections {
  /** Runs `work` with the definition; once more with a newer one when `work` refused by a cached one. NOT_FOUND when there is none. */
  using<T>(call: Call, collectionId: string, work: (definition: Definition) => T | Promise<T>): Promise<T>
  /** What a change wrote or a read saw. */
  put(tenantId: string, definition: Definition): void
  forget(tenantId: string, collectionId: string): void
}

/** `work` throws this when stored fields are newer than the definition. */
export const staleDefinition = (): AppError => new AppError('CONFLICT', 'the collection changed meanwhile')

const MAY_BE_STALE: ReadonlySet<ReasonName> = new Set(['INVALID_FIELD', 'INVALID_FILTER', 'INVALID_ORDER', 'CONFLICT'])

export const openCollections = (db: Database): Collections => {
  // Two generations: the older one is dropped when the newer is full, so the cache is bounded and what is in use stays.
  let young = new Map<string, Definition>()
  let old = new Map<string, Definition>()
  const keyOf = (tenantId: string, collectionId: string): string => `${tenantId}/${collectionId}`
  const put = (tenantId: string, definition: Definition): void => {
    if (young.size >= GENERATION) {
      old = young
      young = new Map()
    }
    young.set(keyOf(tenantId, definition.collectionId), definition)
  }
  const cached = (tenantId: string, collectionId: string): Definition | undefined => {
    const key = keyOf(tenantId, collectionId)
    const found = young.get(key)
    if (found !== undefined) return found
    const older = old.get(key)
    if (older !== undefined) put(tenantId, older)
    return older
  }
  const forget = (tenantId: string, collectionId: string): void => {
    young.delete(keyOf(tenantId, collectionId))
    old.delete(keyOf(tenantId, collectionId))
  }
  const load = async (call: Call, collectionId: string): Promise<Definition> => {
    const [rows] = await db.run(call, selectCollection(call.tenant, collectionId))
    if (rows[0] === undefined) {
      forget(call.tenant, collectionId)
      throw notFound('collection')
    }
    const definition = definitionOf(rows[0])
    put(call.tenant, definition)
    return definition
  }
  return {
    put,
    forget,
    using: async (call, collectionId, work) => {
      const known = cached(call.tenant, collectionId)
      if (known === undefined) return work(await load(call, collectionId))
      try {
        return await work(known)
      } catch (error) {
        if (!(error instanceof AppError) || !MAY_BE_STALE.has(error.reason)) throw error
        const newer = await load(call, collectionId)
        if (newer.version === known.version) throw error
        return work(newer)
      }
    },
  }
}
