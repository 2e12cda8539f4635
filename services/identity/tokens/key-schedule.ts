/** A signing key's place in time, in seconds of the database's clock. */
export interface ScheduledKey {
  readonly generation: number
  readonly activeFrom: number
}

export interface KeyPeriods {
  /** How long a key signs. */
  readonly rotate: number
  /** How long it is published before it signs: longer than any verifier keeps a key set. */
  readonly ahead: number
  /** How long it is published after it signed last: an access token's life and the skew allowed for it. */
  readonly retain: number
}

export interface KeySchedule<K extends ScheduledKey> {
  /** Signs now; undefined when none does yet. */
  readonly active: K | undefined
  /** Verified with: the active one, those to come, and those before whose tokens may still live. */
  readonly published: readonly K[]
  /** Of no use any more. */
  readonly over: readonly K[]
  /** Seconds until the next generation must begin to sign, when it has to be made now. */
  readonly next: { readonly generation: number; readonly activeIn: number } | undefined
}

/** Which key does what at `now`, from the keys in order of their generations: the same on every replica, for the same rows and clock. */
export const schedule = <K extends ScheduledKey>(keys: readonly K[], now: number, periods: KeyPeriods): KeySchedule<K> => {
  const active = keys.findLast((key) => key.activeFrom <= now)
  const last = keys.at(-1)
  const successorOf = (key: K): K | undefined => keys.find((other) => other.generation > key.generation)
  const isOver = (key: K): boolean => {
    const successor = successorOf(key)
    return successor !== undefined && successor.activeFrom + periods.retain <= now
  }
  // Without any key the first signs at once; else the next one waits until everyone can know it, even if rotation is overdue.
  const next =
    last === undefined
      ? { generation: 1, activeIn: 0 }
      : last === active && now >= last.activeFrom + periods.rotate - periods.ahead
        ? { generation: last.generation + 1, activeIn: Math.max(periods.ahead, last.activeFrom + periods.rotate - now) }
        : undefined
  return { active, published: keys.filter((key) => !isOver(key)), over: keys.filter(isOver), next }
}
