/**
 * The little of DER (X.690) that X.509 needs: Node can read certificates but not make them, and of those it reads it shows neither the key usage bits nor
 * alternative names in a form that is safe to compare. Definite lengths only, as DER demands.
 */

export interface Node {
  /** Identifier octet: class, constructed bit and number. */
  readonly tag: number
  /** Content octets. */
  readonly value: Buffer
  /** The whole element, header included. */
  readonly whole: Buffer
}

const length = (size: number): Buffer => {
  if (size < 0x80) return Buffer.from([size])
  const hex = size.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

/** One element of a tag. */
export const element = (tag: number, ...contents: Uint8Array[]): Buffer => {
  const value = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag]), length(value.length), value])
}

export const sequence = (...contents: Uint8Array[]): Buffer => element(0x30, ...contents)
export const set = (...contents: Uint8Array[]): Buffer => element(0x31, ...contents)
export const octets = (content: Uint8Array): Buffer => element(0x04, content)
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text))
/** A bit string of whole octets. */
export const bits = (content: Uint8Array, unused = 0): Buffer => element(0x03, Buffer.from([unused]), content)

/** A non-negative integer, big-endian. */
export const integer = (bytes: Uint8Array): Buffer => {
  const value = Buffer.from(bytes)
  return element(0x02, value[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value)
}

/** An object identifier from its dotted text. */
export const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const content: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80)
    content.push(...septets)
  }
  return element(0x06, Buffer.from(content))
}

/** A time, as RFC 5280 wants it: UTCTime before 2050, GeneralizedTime from then on. */
export const time = (date: Date): Buffer => {
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(text.slice(2))) : element(0x18, Buffer.from(text))
}

/** The elements of a content, in order. Throws on what is not DER. */
export const parse = (content: Uint8Array): Node[] => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const nodes: Node[] = []
  let at = 0
  while (at < bytes.length) {
    const start = at
    const tag = bytes[at++]!
    if ((tag & 0x1f) === 0x1f) throw new Error('DER: high tag numbers are not used here')
    let size = bytes[at++] ?? Number.NaN
    if (size & 0x80) {
      const count = size & 0x7f
      if (count === 0 || count > 4 || at + count > bytes.length) throw new Error('DER: bad length')
      size = bytes.readUIntBE(at, count)
      at += count
    }
    if (!(at + size <= bytes.length)) throw new Error('DER: truncated')
    nodes.push({ tag, value: bytes.subarray(at, at + size), whole: bytes.subarray(start, at + size) })
    at += size
  }
  return nodes
}
