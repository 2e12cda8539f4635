export interface ByteCacheOptions {
  /** Entries at most; the oldest goes first. */
  readonly max: number
  /** Milliseconds on the monotonic clock. */
  readonly maxAgeMs: number
  readonly now?: () => number
}

/** Key material kept for a while: bounded, aged, overwritten with zeros when it is dropped. */
export interface ByteCache {
  /** A copy, which the caller may zero. */
  get(key: string): Buffer | undefined
  /** Keeps a copy. */
  set(key: string, bytes: Uint8Array): void
  delete(key: string): void
  clear(): void
  readonly size: number
}

export const createByteCache = ({ max, maxAgeMs, now = () => performance.now() }: ByteCacheOptions): ByteCache => {
  const entries = new Map<string, { bytes: Buffer; until: number }>()
  const drop = (key: string): void => {
    entries.get(key)?.bytes.fill(0)
    entries.delete(key)
  }
  const dropAged = (): void => {
    // Insertion order is order of age.
    for (const [key, entry] of entries) {
      if (entry.until > now()) return
      drop(key)
    }
  }
  return {
    get: (key) => {
      dropAged()
      const entry = entries.get(key)
      return entry && Buffer.from(entry.bytes)
    },
    set: (key, bytes) => {
      dropAged()
      drop(key)
      const oldest = entries.size >= max ? entries.keys().next() : undefined
      if (oldest && !oldest.done) drop(oldest.value)
      entries.set(key, { bytes: Buffer.from(bytes), until: now() + maxAgeMs })
    },
    delete: drop,
    clear: () => {
      for (const key of [...entries.keys()]) drop(key)
    },
    get size() {
      return entries.size
    },
  }
}
