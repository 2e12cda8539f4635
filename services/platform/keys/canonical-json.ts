/**
 * JSON in one form only: keys sorted by UTF-16 code units, no white space, numbers and strings as ECMAScript writes them (RFC 8785). Unpaired surrogates stay
 * as `\udXXX` escapes, so that any text comes back exactly. `toJSON` is honoured; undefined and functions are left out as by JSON.stringify; a bigint
 * becomes its decimal text. Throws RangeError past 64 levels.
 */
export const canonicalJson = (value: unknown): string => write(value, 0) ?? 'null'

const write = (given: unknown, depth: number): string | undefined => {
  if (depth > 64) throw new RangeError('nested too deep')
  const value = hasToJson(given) ? given.toJSON() : given
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1) ?? 'null').join(',')}]`
  const parts: string[] = []
  for (const key of Object.keys(value).sort()) {
    const text = write((value as Record<string, unknown>)[key], depth + 1)
    if (text !== undefined) parts.push(`${JSON.stringify(key)}:${text}`)
  }
  return `{${parts.join(',')}}`
}

const hasToJson = (value: unknown): value is { toJSON(): unknown } =>
  typeof value === 'object' && value !== null && typeof (value as { toJSON?: unknown }).toJSON === 'function'
