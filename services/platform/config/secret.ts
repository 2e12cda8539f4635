import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/**
 * A value that never prints: string conversion, JSON, `console.log` and structured clones of it give `[redacted]` or nothing. Only `reveal()` gives the
 * text, so that a search for it finds every use.
 */
export interface Secret {
  reveal(): string
  toString(): string
  toJSON(): string
}

/** The text is held in a closure: no property of the object, own or inherited, has it. */
export const secret = (text: string): Secret =>
  Object.freeze({
    reveal: () => text,
    toString: () => REDACTED,
    toJSON: () => REDACTED,
    [inspect.custom]: () => REDACTED,
    [Symbol.toPrimitive]: () => REDACTED,
  })
