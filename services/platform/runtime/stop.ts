/** Stop steps, run once, last given first: what was begun last ends first. Each gets its turn whatever the others do. */
export interface StopList {
  add(name: string, stop: () => Promise<void> | void): void
  /** Runs all; the same promise however often it is called. Failures go to `report`. */
  run(): Promise<void>
}

export const createStopList = (report: (name: string, error: unknown) => void): StopList => {
  const steps: { name: string; stop: () => Promise<void> | void }[] = []
  let running: Promise<void> | undefined
  const all = async (): Promise<void> => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step.stop()
      } catch (error) {
        report(step.name, error)
      }
    }
  }
  return {
    add: (name, stop) => void steps.push({ name, stop }),
    run: () => (running ??= all()),
  }
}

export interface SignalOptions {
  /** Begins the graceful stop. */
  readonly stop: () => Promise<void>
  /** Ends the process at once: given by main.ts. */
  readonly exit: (code: number) => void
  /** A child of ours: it stops when its parent says so or is gone; a terminal's Ctrl-C reaches the whole group and is the parent's to judge. */
  readonly supervised: boolean
}

/** Whatever hangs, the process ends by then; the next start takes up what was left. */
const LIMIT_MS = 60_000

const NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/** The first SIGTERM, SIGINT or SIGHUP stops gracefully, a second one at once. */
export const stopOnSignals = ({ stop, exit, supervised }: SignalOptions): void => {
  let asked = false
  const onStop = (code: number, hard: boolean): void => {
    if (asked) {
      if (hard) exit(code)
      return
    }
    asked = true
    setTimeout(() => exit(1), LIMIT_MS).unref()
    void stop().then(
      () => exit(0),
      () => exit(1),
    )
  }
  for (const [signal, number] of Object.entries(NUMBERS)) {
    process.on(signal, () => {
      if (!(supervised && signal === 'SIGINT')) onStop(128 + number, true)
    })
  }
  if (!supervised) return
  process.once('disconnect', () => onStop(0, false))
  // The parent may be gone already: then there is no event any more.
  if (!process.connected) onStop(0, false)
}
