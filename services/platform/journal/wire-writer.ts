/**
 * Protocol Buffers, written from the last byte to the first: the length of a nested message is known when its head is written, so nothing is measured
 * or moved. Fields are therefore given from the highest number to the lowest. One writer serves one message at a time.
 */
export interface WireWriter {
  /** Begins anew. */
  begin(): void
  /** A copy of what was written since. */
  finish(): Uint8Array
  /** Fields of implicit presence: a default value writes nothing, nor does one below zero. */
  uint(field: number, value: number): void
  uint64(field: number, value: bigint): void
  bool(field: number, value: boolean): void
  text(field: number, value: string): void
  bytes(field: number, value: Uint8Array): void
  /** Also when it is empty: of a field with presence, an element or a map's entry. */
  textAlways(field: number, value: string): void
  bytesAlways(field: number, value: Uint8Array): void
  /** A varint without a tag, for packed lists. */
  raw64(value: bigint): void
  /** Marks the end of a nested message; `close` writes its head. */
  mark(): number
  close(field: number, mark: number): void
}

const VARINT = 0
const DELIMITED = 2

export const createWireWriter = (initial = 64 * 1024): WireWriter => {
  let buffer = Buffer.allocUnsafe(initial)
  let at = initial

  /** Room for so many bytes more in front. */
  const reserve = (bytes: number): void => {
    if (at >= bytes) return
    const used = buffer.length - at
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, used + bytes))
    buffer.copy(larger, larger.length - used, at)
    at = larger.length - used
    buffer = larger
  }
  const varint = (value: number): void => {
    let size = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
    reserve(size)
    at -= size
    let rest = value
    for (let i = 0; i < size - 1; i++) {
      buffer[at + i] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    buffer[at + size - 1] = rest
  }
  const varint64 = (value: bigint): void => {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return varint(Number(value))
    // Seven bytes' worth of low bits, then the rest in front of it in meaning, behind it in place.
    const low = Number(value & 0x1ffffffffffffn)
    varint(Number(value >> 49n))
    reserve(7)
    at -= 7
    for (let i = 0, rest = low; i < 7; i++, rest = Math.floor(rest / 128)) buffer[at + i] = (rest % 128) | 128
  }
  const delimited = (field: number, value: Uint8Array): void => {
    reserve(value.length)
    at -= value.length
    buffer.set(value, at)
    varint(value.length)
    varint(field * 8 + DELIMITED)
  }
  const textAlways = (field: number, value: string): void => {
    const size = value.length
    reserve(size)
    // Most text is short and ASCII: a loop costs less than the way into native code.
    for (let i = size - 1, to = at - 1; i >= 0; i--, to--) {
      const code = value.charCodeAt(i)
      if (code > 127) return delimited(field, Buffer.from(value))
      buffer[to] = code
    }
    at -= size
    varint(size)
    varint(field * 8 + DELIMITED)
  }

  return {
    begin: () => {
      at = buffer.length
    },
    finish: () => Uint8Array.prototype.slice.call(buffer, at),
    uint: (field, value) => {
      if (!(value > 0)) return
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('number too large')
      varint(value)
      varint(field * 8 + VARINT)
    },
    uint64: (field, value) => {
      if (value <= 0n) return
      varint64(value)
      varint(field * 8 + VARINT)
    },
    bool: (field, value) => {
      if (!value) return
      varint(1)
      varint(field * 8 + VARINT)
    },
    text: (field, value) => {
      if (value !== '') textAlways(field, value)
    },
    bytes: (field, value) => {
      if (value.length > 0) delimited(field, value)
    },
    textAlways,
    bytesAlways: delimited,
    raw64: varint64,
    mark: () => buffer.length - at,
    close: (field, mark) => {
      varint(buffer.length - at - mark)
      varint(field * 8 + DELIMITED)
    },
  }
}
