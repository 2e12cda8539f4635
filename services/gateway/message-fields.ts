import type { DescField, DescMessage } from '@bufbuild/protobuf'

const STRUCT = 'google.protobuf.Struct'
/** With `u` a pair is one character: this finds only those that stand alone. */
const SURROGATE = /\p{Surrogate}/u

const messageOf = (field: DescField): DescMessage | undefined =>
  field.fieldKind === 'message' || field.fieldKind === 'list' ? field.message : undefined
const typeOf = (field: DescField): string | undefined =>
  messageOf(field)?.typeName ?? (field.fieldKind === 'enum' || field.fieldKind === 'list' ? field.enum?.typeName : undefined)

/** Our own messages within one, itself first, each once. */
const within = (input: DescMessage, seen = new Set<DescMessage>()): Set<DescMessage> => {
  if (seen.has(input)) return seen
  seen.add(input)
  for (const field of input.fields) {
    const inner = messageOf(field)
    if (inner !== undefined && !inner.typeName.startsWith('google.')) within(inner, seen)
  }
  return seen
}

/** The name of the fields of a message, or of messages in it, that have that type; undefined when there are none, or of several names. */
export const fieldOfType = (input: DescMessage, typeName: string): string | undefined => {
  const names = new Set(
    [...within(input)].flatMap(({ fields }) => fields.filter((field) => typeOf(field) === typeName).map(({ name }) => name)),
  )
  return names.size === 1 ? [...names][0] : undefined
}

const isWellFormed = (value: unknown): boolean => {
  if (typeof value === 'string') return !SURROGATE.test(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, item]) => !SURROGATE.test(name) && isWellFormed(item))
}

type Walk = (message: Readonly<Record<string, unknown>>) => string | undefined

/**
 * Finds an unpaired surrogate in a message's Structs, which JSON can say and UTF-8 can't: encoded, it would silently become another character. Answers with
 * the path of its field. Other strings are looked at by the decoder. Undefined for messages without a Struct: there is nothing to look at.
 */
export const unpairedSurrogates = (input: DescMessage): Walk | undefined => {
  if (![...within(input)].some(({ fields }) => fields.some((field) => typeOf(field) === STRUCT))) return undefined
  const steps = input.fields.flatMap((field): Walk[] => {
    const inner = messageOf(field)
    if (inner === undefined) return []
    const read = (message: Readonly<Record<string, unknown>>): unknown => {
      if (field.oneof === undefined) return message[field.localName]
      const choice = message[field.oneof.localName] as { case?: string; value?: unknown }
      return choice.case === field.localName ? choice.value : undefined
    }
    const walk = inner.typeName === STRUCT ? (value: object) => (isWellFormed(value) ? undefined : '') : unpairedSurrogates(inner)
    if (walk === undefined) return []
    return [
      (message) => {
        const value = read(message)
        const items = Array.isArray(value) ? (value as unknown[]) : value === undefined ? [] : [value]
        for (const [index, item] of items.entries()) {
          const found = walk(item as Readonly<Record<string, unknown>>)
          const here = Array.isArray(value) ? `${field.name}[${index}]` : field.name
          if (found !== undefined) return found === '' ? here : `${here}.${found}`
        }
        return undefined
      },
    ]
  })
  return (message) => {
    for (const step of steps) {
      const found = step(message)
      if (found !== undefined) return found
    }
    return undefined
  }
}
