/**
 * Byte strings that cannot be confused with one another: each part is preceded by its length (u32, big-endian), so that ("ab", "c") and ("a", "bc")
 * differ. Used wherever several values are authenticated together.
 */
export const framed = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) : part.length))
  const out = Buffer.allocUnsafe(bytes.reduce((sum, length) => sum + 4 + length, 0))
  let at = 0
  for (const [i, part] of parts.entries()) {
    at = out.writeUInt32BE(bytes[i]!, at)
    if (typeof part === 'string') out.write(part, at)
    else out.set(part, at)
    at += bytes[i]!
  }
  return out
}
