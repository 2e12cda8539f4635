import { z } from 'zod'
import { secret } from './secret.js'
import type { Secret } from './secret.js'

/** Kinds of configuration values. Each takes the text of the environment or the typed value of the file, and says its rule without the value. */

const rule = <T>(message: string, parse: (value: unknown) => T | undefined) =>
  z.unknown().transform((value, context): T => {
    const parsed = parse(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

export const integer = (min: number, max: number) =>
  rule(`must be an integer from ${min} to ${max}`, (value) => {
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max ? number : undefined
  })

/** 0 asks the system for a free one. */
export const port = () => integer(0, 65_535)

export const matching = (pattern: RegExp, what: string) =>
  rule(`must be ${what}`, (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined))

export const oneOf = <const T extends string>(...choices: readonly T[]) =>
  rule(`must be one of ${choices.join(', ')}`, (value) => choices.find((choice) => choice === value))

/** A path of the file system, without NUL. */
export const path = () => matching(/^[^\0]{1,4096}$/, 'a path')

/** Comma-separated in the environment, an array in the file. */
export const list = (pattern: RegExp, what: string) =>
  rule(`must be a list of ${what}`, (value) => {
    const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value
    return Array.isArray(items) && items.every((item): item is string => typeof item === 'string' && pattern.test(item)) ? items : undefined
  })

/** At least `minLength` characters; its `_FILE` variant names a file that holds it. */
export const secretText = (minLength = 1) =>
  rule<Secret>(`must be a text of at least ${minLength} characters`, (value) =>
    typeof value === 'string' && value.length >= minLength ? secret(value) : undefined,
  )
