import type { RenewResponse } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Deadline } from '../mesh/call.js'
import { applyFact, emptyMaps } from './fact-maps.js'
import type { FactMaps } from './fact-maps.js'

/** Who owns facts, and how it is asked: a gRPC client, or inside the owner itself its own function. */
export interface FactSource {
  /** As in `identity`. */
  readonly name: string
  renew(cursor: Uint8Array, deadline: Deadline): Promise<Pick<RenewResponse, 'facts' | 'cursor' | 'reset' | 'more'>>
}

/** What is known from one owner, and until when it may be trusted. */
export interface OwnerLease {
  readonly name: string
  readonly maps: FactMaps
  /** On the clock given; -Infinity before the first good answer. */
  readonly leasedUntil: number
  /** When the last good answer was asked for. */
  readonly answeredFrom: number
  /** Asks until what is known is whole as of a moment after the call of this function. Resolves to the tenants whose facts changed. */
  renew(deadline: Deadline): Promise<ReadonlySet<string>>
}

const NO_CURSOR = new Uint8Array()

/**
 * Facts of one owner under a lease of `leaseMs` from when the call was sent, on a monotonic clock. Only an answer that is whole by itself renews it: pages of
 * one listing come from several snapshots, so after the last page the owner is asked once more for what changed meanwhile. A reset is gathered aside
 * and takes the place of what was known at its end, so that nothing is missing in between.
 */
export const ownerLease = (source: FactSource, leaseMs: number, now: () => number): OwnerLease => {
  let maps = emptyMaps()
  let cursor: Uint8Array = NO_CURSOR
  let leasedUntil = -Infinity
  let answeredFrom = -Infinity
  let attempts = 0
  // Kept over a renewal that fails half-way: what it applied is changed all the same, and the next one will not see it change again.
  let changed = new Set<string>()

  const renew = async (deadline: Deadline): Promise<ReadonlySet<string>> => {
    const attempt = ++attempts
    let gathering = maps
    let at = cursor
    let continued = false
    for (;;) {
      const sent = now()
      const answer = await source.renew(at, deadline)
      // The answer to a renewal that was given up: a later one may have brought newer facts.
      if (attempt !== attempts) throw new Error('another renewal has taken its place')
      if (answer.reset) gathering = emptyMaps()
      for (const fact of answer.facts) {
        const tenant = applyFact(gathering, fact)
        if (tenant !== undefined) changed.add(tenant)
      }
      at = answer.cursor
      const whole = !answer.more && !continued
      continued = answer.more
      if (answer.more) continue
      if (gathering !== maps) {
        for (const fact of maps.subjects.values()) changed.add(fact.tenantId)
        for (const id of maps.tenants.keys()) changed.add(id)
        maps = gathering
      }
      cursor = at
      if (!whole) continue
      leasedUntil = sent + leaseMs
      answeredFrom = sent
      const told = changed
      changed = new Set()
      return told
    }
  }

  return {
    name: source.name,
    get maps() {
      return maps
    },
    get leasedUntil() {
      return leasedUntil
    },
    get answeredFrom() {
      return answeredFrom
    },
    renew,
  }
}
