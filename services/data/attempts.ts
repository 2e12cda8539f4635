import { AppError } from '../platform/mesh/errors.js'
import { UNIQUE_VIOLATION, sqlState } from '../platform/postgres/database-errors.js'

const ATTEMPTS = 5

/**
 * Reads, decides and writes again when the row changed between: the caller gave no etag, so it means the row as it stands. Each attempt decides
 * with the row that it saw. CONFLICT when it kept changing; a key that is taken stays so and is not tried again.
 */
export const attempts = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const again = error instanceof AppError && error.reason === 'CONFLICT' && sqlState(error) !== UNIQUE_VIOLATION
      if (attempt === ATTEMPTS || !again) throw error
    }
  }
}
