import type { Deadline } from '../mesh/call.js'
import type { ConnectionOptions } from './connection.js'
import { expired } from './database-errors.js'
import { openSession } from './session.js'
import type { Session } from './session.js'

export interface Canceller {
  /** While the returned function was not called, what runs on the session ends when the signal aborts. */
  watch(session: Session, deadline: Pick<Deadline, 'signal' | 'remaining'>): () => void
  close(): Promise<void>
}

/** At the deadline `statement_timeout` ends the statement by itself, and leaves the session usable: it goes first. */
const DEADLINE_GRACE_MS = 50
const DESTROY_AFTER_MS = 1_000

/**
 * Cancels running SQL over a connection of its own. A session that was cancelled is not used again: the signal could still meet its next transaction.
 * One that does not come to an end is destroyed.
 */
export const createCanceller = (connection: ConnectionOptions): Canceller => {
  let own: Promise<Session> | undefined
  const cancel = async (pid: number): Promise<void> => {
    own ??= openSession(connection)
    try {
      const session = await own
      const [answer] = await session.execute([{ text: 'select pg_cancel_backend($1::int)', values: [pid] }])
      if (answer!.error !== undefined) throw answer!.error as Error
    } catch {
      // Without a way to cancel, the timer below destroys the session; the next cancel connects anew.
      const broken = own
      own = undefined
      void broken?.then((session) => session.destroy()).catch(() => undefined)
    }
  }

  return {
    watch: (session, deadline) => {
      const { signal } = deadline
      let timer: NodeJS.Timeout | undefined
      const stop = (): void => {
        session.doubt()
        void cancel(session.pid)
        timer = setTimeout(() => session.destroy(), DESTROY_AFTER_MS)
      }
      const onAbort = (): void => {
        if (expired(deadline)) timer = setTimeout(stop, DEADLINE_GRACE_MS)
        else stop()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      return () => {
        signal.removeEventListener('abort', onAbort)
        clearTimeout(timer)
      }
    },
    close: async () => {
      const session = await own?.catch(() => undefined)
      await session?.end()
    },
  }
}
