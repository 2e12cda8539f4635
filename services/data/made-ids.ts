import { base32, uuid7 } from '../platform/ids.js'

/**
 * Record ids that a batch asks the platform to make: one UUIDv7 and those that follow it (RFC 9562, 6.2, method 2), so that the answer to a
 * repeated batch needs to keep the first one only.
 */
export interface MadeIds {
  /** The id of the write at that place in its batch. */
  at(place: number): string
  /** What `madeIds` makes the same ids from again. */
  readonly seed: string
}

export const madeIds = (seed = uuid7().toString('hex')): MadeIds => ({
  seed,
  at: (place) => {
    const bytes = Buffer.from(seed, 'hex')
    bytes.writeUInt32BE((bytes.readUInt32BE(12) + place) >>> 0, 12)
    return `rec_${base32(bytes)}`
  },
})
