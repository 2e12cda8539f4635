/** A rate: so many calls a second, and so many at once after a pause. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

export interface RateLimit {
  /** Takes one; 0 when it may pass, else the milliseconds after which it may come again. */
  take(key: string): number
}

/**
 * Token buckets by key, bounded: the oldest keys go first, in two generations, and a key that went begins with a full bucket. So a flood of keys costs
 * memory up to the bound and helps nobody to more than one burst.
 */
export const createRateLimit = ({ perSecond, burst }: Rate, maxKeys = 50_000, now: () => number = () => performance.now()): RateLimit => {
  interface Bucket {
    tokens: number
    at: number
  }
  let young = new Map<string, Bucket>()
  let old = new Map<string, Bucket>()
  const bucketOf = (key: string, time: number): Bucket => {
    const known = young.get(key)
    if (known !== undefined) return known
    const bucket = old.get(key) ?? { tokens: burst, at: time }
    if (young.size >= maxKeys / 2) {
      old = young
      young = new Map()
    }
    young.set(key, bucket)
    return bucket
  }
  return {
    take(key) {
      const time = now()
      const bucket = bucketOf(key, time)
      bucket.tokens = Math.min(burst, bucket.tokens + ((time - bucket.at) / 1_000) * perSecond)
      bucket.at = time
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1
        return 0
      }
      return Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000)
    },
  }
}
