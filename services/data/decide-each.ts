import type { Call } from '../platform/mesh/call.js'
import { classificationName } from './classification.js'

/** Rows with the same facts have the same decision: each is asked for once. */
export const decideEach = (call: Call): ((owner: string, classification: number) => Promise<void>) => {
  const decided = new Set<string>()
  return async (owner, classification) => {
    const facts = `${classification}/${owner}`
    if (decided.has(facts)) return
    await call.decideWithRow({ owner, classification: classificationName(classification) })
    decided.add(facts)
  }
}
