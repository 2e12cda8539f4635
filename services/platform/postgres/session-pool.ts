import { AppError } from '../mesh/errors.js'
import type { Deadline } from '../mesh/call.js'
import { expired, unavailable } from './database-errors.js'
import type { Session } from './session.js'

export interface SessionPool {
  /**
   * A clean session. With `affinity`, one of the few that this number goes to: a backend that touches very many schemas grows slow. Throws AppError when
   * the database can't be reached, or the deadline comes first.
   */
  acquire(deadline: Pick<Deadline, 'signal' | 'remaining'>, affinity?: number): Promise<Session>
  /** Takes a session back; one that is not clean is destroyed. */
  release(session: Session): void
  /** Waits for nothing: sessions at work are destroyed. */
  close(): Promise<void>
  readonly size: () => { open: number; busy: number; waiting: number }
}

interface Slot {
  session?: Session
  busy: boolean
}

interface Waiter {
  readonly affinity: number | undefined
  readonly take: (slot: Slot) => void
}

const SLOTS_PER_TENANT = 2

export const sessionPool = (max: number, connect: () => Promise<Session>): SessionPool => {
  const slots: Slot[] = Array.from({ length: max }, () => ({ busy: false }))
  const bySession = new Map<Session, Slot>()
  const waiters = new Set<Waiter>()
  let closed = false

  const candidates = (affinity: number | undefined): Slot[] =>
    affinity === undefined || max <= SLOTS_PER_TENANT
      ? slots
      : Array.from({ length: SLOTS_PER_TENANT }, (_, i) => slots[(affinity + i) % max]!)
  const freeSlot = (affinity: number | undefined): Slot | undefined => {
    const free = candidates(affinity).filter(({ busy }) => !busy)
    return free.find(({ session }) => session !== undefined) ?? free[0]
  }

  const waitForSlot = (affinity: number | undefined, deadline: Pick<Deadline, 'signal' | 'remaining'>): Promise<Slot> =>
    new Promise((resolve, reject) => {
      const { signal } = deadline
      const waiter: Waiter = {
        affinity,
        take: (slot) => {
          signal.removeEventListener('abort', give)
          resolve(slot)
        },
      }
      const give = (): void => {
        waiters.delete(waiter)
        reject(
          expired(deadline)
            ? new AppError('DEADLINE_EXCEEDED', 'the time for the call is over')
            : new AppError('CANCELLED', 'the caller cancelled'),
        )
      }
      signal.addEventListener('abort', give, { once: true })
      waiters.add(waiter)
    })

  const free = (slot: Slot): void => {
    slot.busy = false
    for (const waiter of waiters) {
      if (!candidates(waiter.affinity).includes(slot)) continue
      waiters.delete(waiter)
      slot.busy = true
      waiter.take(slot)
      return
    }
  }

  const acquire: SessionPool['acquire'] = async (deadline, affinity) => {
    if (closed) throw unavailable(new Error('the pool is closed'))
    let slot = freeSlot(affinity)
    if (slot === undefined) slot = await waitForSlot(affinity, deadline)
    slot.busy = true
    try {
      if (slot.session !== undefined && !slot.session.clean()) drop(slot)
      if (slot.session === undefined) {
        slot.session = await connect()
        bySession.set(slot.session, slot)
      }
      if (closed) throw new Error('the pool is closed')
    } catch (error) {
      drop(slot)
      free(slot)
      throw unavailable(error)
    }
    return slot.session
  }

  const drop = (slot: Slot): void => {
    if (slot.session === undefined) return
    bySession.delete(slot.session)
    slot.session.destroy()
    slot.session = undefined
  }

  return {
    acquire,
    release: (session) => {
      const slot = bySession.get(session)
      if (slot === undefined) return
      if (closed || !session.clean()) drop(slot)
      free(slot)
    },
    close: async () => {
      closed = true
      await Promise.all(
        slots.map(async (slot) => {
          if (slot.busy || slot.session?.clean() !== true) drop(slot)
          else await slot.session.end()
        }),
      )
    },
    size: () => ({ open: bySession.size, busy: slots.filter(({ busy }) => busy).length, waiting: waiters.size }),
  }
}
