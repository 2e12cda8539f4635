/** Partitions of every topic: fixed and equal for all, so that a tenant has the same partition number in each of them. Never changed. */
export const PARTITIONS = 12

const SEED = 0x9747b28c
const M = 0x5bd1e995
const encoder = new TextEncoder()

/** MurmurHash2, 32 bits, with the seed of Kafka's default partitioner: a signed integer, as `Utils.murmur2` gives it in Java. */
export const murmur2 = (bytes: Uint8Array): number => {
  let hash = SEED ^ bytes.length
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  const rest = bytes.length - at
  if (rest >= 3) hash ^= bytes[at + 2]! << 16
  if (rest >= 2) hash ^= bytes[at + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return (hash ^ (hash >>> 15)) | 0
}

/** The partition of a key (a tenant id) in every topic and in every adapter: what Kafka's default partitioner would choose, computed by us. */
export const partitionOf = (key: string): number => (murmur2(encoder.encode(key)) & 0x7fffffff) % PARTITIONS
