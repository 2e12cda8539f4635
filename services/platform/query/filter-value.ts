import type { FieldSpec, Value } from './filter.js'

const INTEGER = /^-?(0|[1-9][0-9]{0,18})$/
const NUMBER = /^-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?$/
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-](\d\d):(\d\d))$/

/**
 * The value of a literal for a field of that type, or what is wrong with it. Values come out in the form in which Postgres reads them: numbers
 * as text (no digit is lost), timestamps as RFC 3339.
 */
export const readValue = (spec: FieldSpec, text: string, quoted: boolean): { value: Value } | { problem: string } => {
  switch (spec.type) {
    case 'string':
    case 'strings': {
      const value = spec.encode === undefined ? text : spec.encode(text)
      return value === undefined ? { problem: 'malformed value' } : { value }
    }
    case 'enum':
      return spec.values.includes(text) ? { value: text } : { problem: `value must be one of ${spec.values.join(', ')}` }
    case 'bool':
      return !quoted && (text === 'true' || text === 'false') ? { value: text === 'true' } : { problem: 'value must be true or false' }
    case 'integer':
      return !quoted && isInt64(text) ? { value: text } : { problem: 'value must be an integer of 64 bits' }
    case 'number':
      return !quoted && isFiniteNumber(text) ? { value: text } : { problem: 'value must be a number' }
    case 'timestamp':
      return isTimestamp(text) ? { value: text } : { problem: 'value must be an RFC 3339 timestamp' }
  }
}

const isInt64 = (text: string): boolean => INTEGER.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)

// Within double precision, so that a comparison with a column of that type does not overflow in SQL.
const isFiniteNumber = (text: string): boolean => NUMBER.test(text) && Number.isFinite(Number(text))

const isTimestamp = (text: string): boolean => {
  const match = TIMESTAMP.exec(text)
  if (match === null) return false
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  const zone = match[9] === undefined || (Number(match[9]) <= 14 && Number(match[10]) < 60)
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60 && zone
}
