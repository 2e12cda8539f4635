import { AppError } from '../platform/mesh/errors.js'
import type { FieldViolation } from '../platform/mesh/errors.js'

const MOST = 20

/** Collects what is wrong with a request, up to 20 things; values are never part of it. */
export interface Violations {
  add(field: string, description: string): void
  /** No more are kept: checking may stop. */
  readonly full: boolean
  /** Throws INVALID_FIELD when there was any. */
  end(): void
}

export const violations = (): Violations => {
  const found: FieldViolation[] = []
  return {
    add: (field, description) => void (found.length < MOST && found.push({ field, description })),
    get full() {
      return found.length >= MOST
    },
    end: () => {
      const first = found[0]
      if (first !== undefined) throw new AppError('INVALID_FIELD', `${first.field}: ${first.description}`, { violations: found })
    },
  }
}
