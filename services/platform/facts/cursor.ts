/**
 * How far a reader is: every transaction below `floor` was seen whole. While a listing goes on in pages, `page` says where it stands and where the
 * next round begins.
 */
export interface Cursor {
  /** 8 bytes that name the database and its history. */
  readonly database: Buffer
  readonly floor: bigint
  readonly page?: { readonly start: bigint; readonly source: number; readonly xid: bigint; readonly key: string }
}

const FORMAT = 1
const SHORT = 17
/** Keys are ids: 30 bytes. Together with the rest that is the 64 bytes which RenewRequest admits. */
export const MAX_KEY_BYTES = 30

/** The bytes of a cursor, opaque to readers. */
export const encodeCursor = ({ database, floor, page }: Cursor): Buffer => {
  const key = Buffer.from(page?.key ?? '')
  if (key.length > MAX_KEY_BYTES) throw new Error(`a fact's key has at most ${MAX_KEY_BYTES} bytes`)
  const bytes = Buffer.alloc(page === undefined ? SHORT : SHORT + 17)
  bytes[0] = FORMAT
  database.copy(bytes, 1, 0, 8)
  bytes.writeBigUInt64BE(floor, 9)
  if (page === undefined) return bytes
  bytes.writeBigUInt64BE(page.start, 17)
  bytes[25] = page.source
  bytes.writeBigUInt64BE(page.xid, 26)
  return Buffer.concat([bytes, key])
}

/** Undefined for what is no cursor of ours: the reader begins anew. */
export const decodeCursor = (bytes: Uint8Array): Cursor | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer[0] !== FORMAT || (buffer.length !== SHORT && buffer.length <= SHORT + 17)) return undefined
  const cursor = { database: buffer.subarray(1, 9), floor: buffer.readBigUInt64BE(9) }
  if (buffer.length === SHORT) return cursor
  const page = { start: buffer.readBigUInt64BE(17), source: buffer[25]!, xid: buffer.readBigUInt64BE(26), key: buffer.toString('utf8', 34) }
  return { ...cursor, page }
}
