import type { Logger } from 'pino'
import type { RoleFact, SubjectFact, TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { Deadline } from '../mesh/call.js'
import { workDeadline } from '../mesh/deadline.js'
import { AppError } from '../mesh/errors.js'
import { keyOf } from './fact-maps.js'
import type { Facts } from './facts.js'
import { ownerLease } from './owner-lease.js'
import type { FactSource, OwnerLease } from './owner-lease.js'

export interface FactsOptions {
  readonly owners: readonly FactSource[]
  /** How long an answer is trusted from when it was asked for. Longer survives an owner's absence longer, and a revocation waits as long. */
  readonly leaseMs?: number
  /** Time between renewals, give or take a tenth. */
  readonly renewMs?: number
  /** Least time between renewals that calls ask for. */
  readonly minGapMs?: number
  /** How long one renewal may take. */
  readonly timeoutMs?: number
  /** Monotonic milliseconds. */
  readonly now?: () => number
  readonly log?: Pick<Logger, 'warn' | 'info'>
  /** Told of each renewal, for counting. */
  readonly onRenewal?: (owner: string, ok: boolean, millis: number) => void
}

/** The read model with what decisions need of it besides look-ups. */
export interface FactsModel extends Facts {
  /** Counts changes: what was derived from facts holds while it stands. */
  generation(): number
  /**
   * Asks the owners for this call, coalesced with others: resolves when everything committed before it is known here. For what only widens, which no lease
   * waits for: a denial is checked against the newest facts before it is given. Throws AppError FACTS_STALE.
   */
  refresh(deadline: Deadline): Promise<void>
}

/** One owner's renewals, one at a time: whoever asks while one is under way waits for the next. */
interface Renewer {
  readonly lease: OwnerLease
  /** A renewal that begins at or after now. */
  renewed(): Promise<void>
  stop(): void
}

const stale = (owner: string, cause?: unknown): AppError => new AppError('FACTS_STALE', `the facts of ${owner} can't be renewed`, { cause })

const createRenewer = (
  source: FactSource,
  options: Required<Omit<FactsOptions, 'log' | 'onRenewal' | 'owners'>> & FactsOptions,
  changed: (tenants: ReadonlySet<string>) => void,
): Renewer => {
  const { leaseMs, renewMs, minGapMs, timeoutMs, now, log, onRenewal } = options
  const lease = ownerLease(source, leaseMs, now)
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let lastStart = -Infinity
  let failures = 0
  let stopped = false

  const once = async (): Promise<void> => {
    const started = now()
    lastStart = started
    const deadline = workDeadline(timeoutMs)
    // A source that ignores its deadline must not hold up the renewals after it.
    const late = new Promise<never>((_, reject) => deadline.onEnded(reject))
    try {
      const tenants = await Promise.race([lease.renew(deadline), late])
      if (failures > 0) log?.info({ owner: source.name, failures }, 'facts are renewed again')
      failures = 0
      onRenewal?.(source.name, true, now() - started)
      if (tenants.size > 0) changed(tenants)
    } catch (error) {
      // Before the first answer the owner may still be starting: that is no warning.
      const level = lease.answeredFrom === -Infinity ? 'info' : 'warn'
      if (failures++ === 0) log?.[level]({ err: error, owner: source.name }, 'facts could not be renewed')
      onRenewal?.(source.name, false, now() - started)
      throw stale(source.name, error)
    } finally {
      deadline.settle()
    }
  }

  const schedule = () => {
    clearTimeout(timer)
    if (stopped) return
    const wait = failures > 0 ? Math.min(renewMs, 20 * 2 ** Math.min(failures, 5)) : renewMs
    timer = setTimeout(() => void start().catch(() => undefined), wait * (0.9 + 0.2 * Math.random()))
    timer.unref()
  }

  const start = (): Promise<void> => {
    clearTimeout(timer)
    if (stopped) return Promise.reject(stale(source.name))
    running = once().finally(() => {
      running = undefined
      schedule()
    })
    return running
  }

  const afterOthers = async (): Promise<void> => {
    // Never at once: whoever asks in the same turn of the loop joins this renewal, which `next` stands for until it begins.
    await Promise.resolve()
    const wait = lastStart + minGapMs - now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    // One that is under way may have begun before the last who waits here asked: only one that begins now serves all of them.
    while (running !== undefined) await running.catch(() => undefined)
    next = undefined
    return start()
  }

  schedule()
  return {
    lease,
    renewed: () => (next ??= afterOthers()),
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** Within the call's time, or FACTS_STALE. */
const within = (deadline: Deadline, work: Promise<unknown>): Promise<void> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(stale('their owners')), deadline.remaining())
    work
      .then(
        () => resolve(),
        (error: unknown) => reject(error instanceof AppError ? error : stale('their owners', error)),
      )
      .finally(() => clearTimeout(late))
  })

/** Keeps the facts of the owners, renewing them until it is closed. Nothing is known, and nothing fresh, before the first answers. */
export const createFacts = (options: FactsOptions): FactsModel => {
  const settings = { leaseMs: 750, renewMs: 250, minGapMs: 20, timeoutMs: 1000, now: () => performance.now(), ...options }
  const listeners = new Set<(tenantIds: ReadonlySet<string>) => void>()
  let generation = 0
  const renewers = options.owners.map((source) =>
    createRenewer(source, settings, (tenants) => {
      generation++
      for (const listener of listeners) listener(tenants)
    }),
  )
  const leases = renewers.map(({ lease }) => lease)
  const { now } = settings

  const find = <F>(look: (lease: OwnerLease) => F | undefined): F | undefined => {
    for (const lease of leases) {
      const found = look(lease)
      if (found !== undefined) return found
    }
    return undefined
  }
  const tenant = (tenantId: string): TenantFact | undefined => find(({ maps }) => maps.tenants.get(tenantId))
  const subject = (tenantId: string, subjectId: string): SubjectFact | undefined =>
    find(({ maps }) => maps.subjects.get(keyOf(tenantId, subjectId)))
  const role = (tenantId: string, roleId: string): RoleFact | undefined => find(({ maps }) => maps.roles.get(keyOf(tenantId, roleId)))
  const fresh = () => {
    const time = now()
    for (const lease of leases) if (lease.leasedUntil <= time) return false
    return true
  }

  for (const renewer of renewers) void renewer.renewed().catch(() => undefined)
  return {
    ensure: (deadline) => {
      if (fresh()) return undefined
      const time = now()
      const lapsed = renewers.filter(({ lease }) => lease.leasedUntil <= time)
      return within(deadline, Promise.all(lapsed.map((renewer) => renewer.renewed())))
    },
    refresh: (deadline) => within(deadline, Promise.all(renewers.map((renewer) => renewer.renewed()))),
    tenant,
    tenantBySlug: (slug) => {
      const id = find(({ maps }) => maps.slugs.get(slug))
      return id === undefined ? undefined : tenant(id)
    },
    subject,
    role,
    sessionRevoked: (tenantId, subjectId, sessionId) =>
      subject(tenantId, subjectId)?.revokedSessions.some((session) => session.sessionId === sessionId) ?? false,
    tenants: function* () {
      for (const { maps } of leases) yield* maps.tenants.values()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    fresh,
    age: () => now() - Math.min(...leases.map(({ answeredFrom }) => answeredFrom)),
    generation: () => generation,
    close: () => {
      for (const renewer of renewers) renewer.stop()
      listeners.clear()
    },
  }
}
