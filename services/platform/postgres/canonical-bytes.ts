import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import type { ReflectMessage } from '@bufbuild/protobuf/reflect'

/** Fields that don't make a request another one: its id, and what is secret. */
const leftOut = (field: DescField): boolean => field.name === 'request_id' || field.proto.options?.debugRedact === true

/**
 * A message in a form that is the same for the same content: set fields by number, map entries by key, everything with its length before it. Protobuf's own
 * binary form promises no such thing. `request_id` and fields marked `debug_redact` are left out, at any depth. One way: nothing reads it back.
 */
export const canonicalBytes = (desc: DescMessage, message: Message): Buffer => ofMessage(reflect(desc, message))

const ofMessage = (message: ReflectMessage): Buffer => {
  const chunks: Buffer[] = []
  for (const field of [...message.fields].sort((a, b) => a.number - b.number)) {
    if (leftOut(field) || !message.isSet(field)) continue
    chunks.push(uint32(field.number), sized(ofField(message, field)))
  }
  return Buffer.concat(chunks)
}

const ofField = (message: ReflectMessage, field: DescField): Buffer => {
  switch (field.fieldKind) {
    case 'list':
      return Buffer.concat([...message.get(field)].map((item) => sized(ofValue(item))))
    case 'map':
      return Buffer.concat(
        [...message.get(field).entries()]
          .map(([key, value]) => [ofValue(key), ofValue(value)] as const)
          .sort(([a], [b]) => Buffer.compare(a, b))
          .flatMap(([key, value]) => [sized(key), sized(value)]),
      )
    default:
      return ofValue(message.get(field))
  }
}

/** A field has one type, so values of different types never meet. */
const ofValue = (value: unknown): Buffer => {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (typeof value === 'object' && value !== null) return ofMessage(value as ReflectMessage)
  return Buffer.from(Object.is(value, -0) ? '-0' : String(value), 'utf8')
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes])
