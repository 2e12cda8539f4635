import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { create, fromBinary, ScalarType } from '@bufbuild/protobuf'
import type { Path } from '@bufbuild/protobuf/reflect'
import { createValidator } from '@bufbuild/protovalidate'
import type { FieldViolation } from './errors.js'
import { AppError } from './errors.js'

export const MAX_VIOLATIONS = 20

/** Decodes and checks one message of a method. Throws MALFORMED_MESSAGE or INVALID_FIELD; looks nothing up. */
export type Check = (bytes: Uint8Array) => Message

/** Map keys are the caller's own text: shown only where they look like names. */
const KEY = /^[A-Za-z0-9_.-]{1,64}$/

/** A path as `records[3].record_id`. */
export const pathText = (path: Path): string => {
  let text = ''
  for (const part of path) {
    if (part.kind === 'field' || part.kind === 'oneof') text += text === '' ? part.name : `.${part.name}`
    else if (part.kind === 'list_sub') text += `[${part.index}]`
    else if (part.kind === 'map_sub') text += typeof part.key === 'string' && !KEY.test(part.key) ? '[...]' : `[${String(part.key)}]`
    else text += `.[${part.typeName}]`
  }
  return text
}

/** Patterns come from our own descriptors, so the platform's engine may match them; compiled once each. */
const regexMatcher = () => {
  const compiled = new Map<string, RegExp>()
  return (pattern: string, text: string): boolean => {
    let regex = compiled.get(pattern)
    if (regex === undefined) compiled.set(pattern, (regex = new RegExp(pattern, 'u')))
    return regex.test(text)
  }
}

type Walk = (message: Record<string, unknown>, path: string, found: FieldViolation[]) => void

/** Finds NUL in any string of a message: Postgres stores none, and log readers stop at it. Built once per message type. */
const nulFinder = () => {
  const walks = new Map<DescMessage, Walk>()
  const NUL: string = '\0'
  const report = (found: FieldViolation[], field: string) => {
    if (found.length < MAX_VIOLATIONS) found.push({ field, description: 'must not contain NUL' })
  }
  const key = (text: string) => (KEY.test(text) ? text : '...')
  const ofField = (field: DescField): Walk | undefined => {
    const name = field.localName
    const step = (path: string) => (path === '' ? field.name : `${path}.${field.name}`)
    const text = (value: unknown, path: string, found: FieldViolation[]) => {
      if (typeof value === 'string' && value.includes(NUL)) report(found, path)
    }
    const read: (message: Record<string, unknown>) => unknown =
      field.oneof === undefined
        ? (message) => message[name]
        : (message) => {
            const choice = message[field.oneof!.localName] as { case?: string; value?: unknown }
            return choice.case === name ? choice.value : undefined
          }
    if (field.fieldKind === 'scalar')
      return field.scalar === ScalarType.STRING ? (m, path, found) => text(read(m), step(path), found) : undefined
    if (field.fieldKind === 'message') {
      const desc = field.message
      return (m, path, found) => {
        const value = read(m)
        if (value !== undefined) of(desc)(value as Record<string, unknown>, step(path), found)
      }
    }
    if (field.fieldKind === 'list') {
      const inner: Walk | 'text' | undefined =
        field.listKind === 'message' ? lazily(field.message) : field.scalar === ScalarType.STRING ? 'text' : undefined
      if (inner === undefined) return undefined
      return (m, path, found) =>
        (read(m) as unknown[]).forEach((item, index) =>
          inner === 'text'
            ? text(item, `${step(path)}[${index}]`, found)
            : inner(item as Record<string, unknown>, `${step(path)}[${index}]`, found),
        )
    }
    if (field.fieldKind === 'map') {
      const inner: Walk | undefined = field.mapKind === 'message' ? lazily(field.message) : undefined
      return (m, path, found) => {
        for (const [name, value] of Object.entries(read(m) as Record<string, unknown>)) {
          const at = `${step(path)}[${key(name)}]`
          text(name, at, found)
          if (inner !== undefined) inner(value as Record<string, unknown>, at, found)
          else text(value, at, found)
        }
      }
    }
    return undefined
  }
  const lazily =
    (desc: DescMessage): Walk =>
    (message, path, found) =>
      of(desc)(message, path, found)
  const plainValue = (value: unknown, path: string, found: FieldViolation[]): void => {
    if (typeof value === 'string' && value.includes(NUL)) report(found, path)
    else if (Array.isArray(value)) value.forEach((item, index) => plainValue(item, `${path}[${index}]`, found))
    else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) {
        if (name.includes(NUL)) report(found, `${path}.${key(name)}`)
        plainValue(item, `${path}.${key(name)}`, found)
      }
    }
  }
  const of = (desc: DescMessage): Walk => {
    const known = walks.get(desc)
    if (known !== undefined) return known
    // protobuf-es shows a Struct as plain JSON wherever it is a field.
    const steps = desc.typeName === 'google.protobuf.Struct' ? [] : desc.fields.map(ofField).filter((walk) => walk !== undefined)
    const walk: Walk =
      desc.typeName === 'google.protobuf.Struct'
        ? plainValue
        : (message, path, found) => {
            for (const step of steps) step(message, path, found)
          }
    walks.set(desc, walk)
    return walk
  }
  return of
}

const refuse = (violations: FieldViolation[]): AppError => {
  const [first] = violations
  return new AppError('INVALID_FIELD', `${first!.field === '' ? 'the message' : first!.field}: ${first!.description}`, { violations })
}

/**
 * Makes checks, one per message type. They see the message alone: strict proto3 decoding (UTF-8 included), no NUL in any string, and the protovalidate rules
 * of the descriptor. Violations name field and rule, at most twenty, never a value.
 */
export const createChecks = (): ((desc: DescMessage) => Check) => {
  const validator = createValidator({ regexMatch: regexMatcher() })
  const nuls = nulFinder()
  return (desc) => {
    // Rules are compiled on first use: a descriptor whose rules don't compile must show at start, not at a call.
    const trial = validator.validate(desc, create(desc))
    if (trial.kind === 'error') throw trial.error
    const walk = nuls(desc)
    return (bytes) => {
      let message: Message
      try {
        message = fromBinary(desc, bytes, { readUnknownFields: false })
      } catch (cause) {
        throw new AppError('MALFORMED_MESSAGE', 'the message can not be decoded', { cause })
      }
      if (bytes.includes(0)) {
        const found: FieldViolation[] = []
        walk(message as unknown as Record<string, unknown>, '', found)
        if (found.length > 0) throw refuse(found)
      }
      const result = validator.validate(desc, message)
      if (result.kind === 'valid') return message
      if (result.kind === 'error') throw result.error
      throw refuse(
        result.violations
          .slice(0, MAX_VIOLATIONS)
          .map((violation) => ({ field: pathText(violation.field), description: violation.message })),
      )
    }
  }
}
