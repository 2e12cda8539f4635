/** A bounded map that forgets what was not asked for lately, without keeping an order: two maps, the older dropped when the younger is full. */
export interface TwoGenerations<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  readonly size: number
}

/** `perGeneration` entries at most in each of the two. */
export const twoGenerations = <V>(perGeneration: number): TwoGenerations<V> => {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  const set = (key: string, value: V) => {
    if (young.size >= perGeneration && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get: (key) => {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
    set,
    get size() {
      return young.size + old.size
    },
  }
}
