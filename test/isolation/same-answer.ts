import type { JsonAnswer, Outcome } from '../wire.js'

const HEX_16 = /^[0-9a-f]{32}$/

/** The text with every occurrence of the ids of one call made the same. */
const blank = (text: string, ids: readonly string[]): string =>
  ids.reduce((blanked, id) => {
    if (!HEX_16.test(id)) throw new Error(`no id of fixed length: ${JSON.stringify(id)}`)
    return blanked.replaceAll(id, '-'.repeat(id.length))
  }, text)

/** All that a gRPC caller sees, as text, byte for byte but for the decision's and the trace's id. */
export const grpcFace = ({ codeName, message, trailers, messages, decisionId, traceId }: Outcome): string => {
  const bytes = Object.entries(trailers)
    .filter(([name]) => name !== 'date')
    .sort()
    .map(([name, values]) => `${name}: ${values.map((value) => (typeof value === 'string' ? value : value.toString('latin1'))).join()}`)
  const bodies = messages.map((body) => body.toString('latin1'))
  return blank([codeName, message, ...bytes, ...bodies].join('\n'), [decisionId, traceId])
}

/** All that a caller of Connect's JSON sees: details are base64 of bytes in which the ids stand. */
export const jsonFace = ({ status, headers, text }: JsonAnswer): string => {
  const [decisionId, traceId] = ['decision', 'trace'].map((name) =>
    String(headers[`trailer-tenantry-${name}-id`] ?? headers[`tenantry-${name}-id`]),
  )
  const opened = text.replace(
    /"value":"([A-Za-z0-9+/_=-]*)"/g,
    (_, value: string) => `"value":${JSON.stringify(Buffer.from(value, 'base64').toString('latin1'))}`,
  )
  const lines = Object.entries(headers)
    .filter(([name]) => name !== 'date')
    .sort()
    .map(([name, value]) => `${name}: ${String(value)}`)
  return blank([status, ...lines, opened].join('\n'), [decisionId!, traceId!])
}
