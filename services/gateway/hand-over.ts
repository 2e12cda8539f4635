/** Hands values from a producer that waits to a consumer that iterates: one at a time, so a slow reader holds the producer back. */
export interface HandOver<T> {
  /** Resolves when the consumer comes for the next value. */
  give: (value: T) => Promise<void>
  end: () => void
  fail: (error: unknown) => void
  readonly taken: AsyncIterable<T>
}

export const createHandOver = <T>(): HandOver<T> => {
  let offered: { value: T; resolve: () => void; reject: (error: Error) => void } | undefined
  let over: { error?: unknown } | undefined
  let wake: (() => void) | undefined
  const gone = new Error('the reader went away')
  let left = false
  async function* take(): AsyncGenerator<T> {
    try {
      for (;;) {
        if (offered !== undefined) {
          const current = offered
          yield current.value
          // The producer may only go on once the reader has come again.
          offered = undefined
          current.resolve()
        } else if (over !== undefined) {
          if (over.error !== undefined) throw over.error as Error
          return
        } else {
          await new Promise<void>((resolve) => (wake = resolve))
        }
      }
    } finally {
      left = true
      offered?.reject(gone)
    }
  }
  const notify = (): void => {
    wake?.()
    wake = undefined
  }
  return {
    give: (value) =>
      new Promise((resolve, reject) => {
        if (left) return reject(gone)
        offered = { value, resolve, reject }
        notify()
      }),
    end: () => {
      over ??= {}
      notify()
    },
    fail: (error) => {
      over ??= { error }
      notify()
    },
    taken: take(),
  }
}
