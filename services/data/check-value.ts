import type { JsonValue } from '@bufbuild/protobuf'
import type { FieldType } from './definition.js'

/** Bytes of UTF-8 of one string, or of one JSON value written out. */
export const MAX_VALUE_BYTES = 65_536
const MAX_DEPTH = 32
const LONE_SURROGATE = /\p{Cs}/u
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/

/** The rule that a value (never null) breaks as a value of that type, or undefined. */
export const brokenRule = (type: FieldType, value: JsonValue): string | undefined => {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? (brokenText(value) ?? brokenSize(value)) : 'must be a string'
    case 'number':
      return typeof value !== 'number' ? 'must be a number' : Number.isFinite(value) ? undefined : 'must be finite'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'timestamp':
      return typeof value === 'string' && isTimestamp(value) ? undefined : 'must be an RFC 3339 timestamp, as in 2025-01-31T12:00:00Z'
    case 'json':
      return brokenJson(value, 0) ?? brokenSize(JSON.stringify(value))
  }
}

/** The rule that text breaks, which neither Postgres nor a log can hold as it is. */
const brokenText = (text: string): string | undefined => {
  if (text.includes('\0')) return 'must not contain NUL'
  return LONE_SURROGATE.test(text) ? 'must be well-formed Unicode' : undefined
}

const brokenSize = (text: string): string | undefined =>
  text.length > MAX_VALUE_BYTES || Buffer.byteLength(text) > MAX_VALUE_BYTES ? `must be at most ${MAX_VALUE_BYTES} bytes` : undefined

const brokenJson = (value: JsonValue, depth: number): string | undefined => {
  if (depth > MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH}`
  if (typeof value === 'string') return brokenText(value)
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must hold finite numbers only'
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return firstBroken(value, depth)
  // A key `__proto__` of an object became its prototype when the message was read.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return 'must not have a key __proto__'
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return 'must not have a key __proto__'
    const broken = brokenText(key)
    if (broken !== undefined) return broken
  }
  return firstBroken(Object.values(value), depth)
}

const firstBroken = (values: readonly JsonValue[], depth: number): string | undefined => {
  for (const value of values) {
    const broken = brokenJson(value, depth + 1)
    if (broken !== undefined) return broken
  }
  return undefined
}

/** RFC 3339 in upper case, of the years 0001 to 9999 and zones up to 14 hours: what Postgres reads as the same instant. */
const isTimestamp = (text: string): boolean => {
  const match = TIMESTAMP.exec(text)
  if (match === null) return false
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  // The Gregorian calendar repeats after 400 years; Date.UTC reads years below 100 as of the 1900s.
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  const zone = match[7] === undefined || (Number(match[7]) <= 14 && Number(match[8]) < 60)
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60 && zone
}
