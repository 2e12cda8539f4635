import { createHash } from 'node:crypto'

/** The name of a prepared statement whose text depends on what was asked for: the same text is always the same name, and no other's. */
export const shapeName = (verb: string, text: string): string => `${verb}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
