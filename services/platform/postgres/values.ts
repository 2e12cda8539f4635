import { types } from 'node:util'

/**
 * A bind parameter as the driver takes it without a chance to throw: it converts while it writes, and an exception there would leave a transaction without
 * one of its statements. Objects become JSON, arrays stay arrays (of Postgres). Throws TypeError for what is no value.
 */
export const bindValue = (value: unknown): unknown => {
  if (value === null || value === undefined) return null
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
    case 'bigint':
      return value
    case 'object':
      if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      if (types.isDate(value)) {
        if (Number.isNaN(value.getTime())) throw new TypeError('an invalid Date is no value')
        return value.toISOString()
      }
      if (Array.isArray(value)) return value.map(bindValue)
      return JSON.stringify(value)
    case 'symbol':
    case 'function':
    case 'undefined':
      throw new TypeError(`a ${typeof value} is no value`)
  }
}
