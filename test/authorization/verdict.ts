import { status as Code } from '@grpc/grpc-js'
import { CODES } from '../../services/platform/mesh/errors.js'
import type { Outcome } from '../wire.js'
import type { CallerKind } from './expectations.js'
import { CALLER_KINDS, COLUMNS, REASONS } from './expectations.js'

/** Ends of calls that were let in, with a request that is valid: whatever the handler then found. */
const LET_IN: ReadonlySet<Code> = new Set([
  Code.OK,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.ABORTED,
  Code.FAILED_PRECONDITION,
  Code.RESOURCE_EXHAUSTED,
])
const HEX_16 = /^[0-9a-f]{32}$/

/** The codes of a row, by kind of caller. Throws when the row is not whole. */
export const readRow = (name: string, row: string): ReadonlyMap<CallerKind, string> => {
  const groups = row.split(' ')
  const widths = Object.values(COLUMNS).map(({ length }) => length)
  if (groups.map(({ length }) => length).join() !== widths.join()) throw new Error(`${name}: a row has groups of ${widths.join()}`)
  const codes = [...groups.join('')]
  const unknown = codes.find((code) => !'Y-'.includes(code) && !(code in REASONS))
  if (unknown !== undefined) throw new Error(`${name}: nobody knows the code ${unknown}`)
  return new Map(CALLER_KINDS.map((kind, index) => [kind, codes[index]!]))
}

const seen = ({ codeName, reason, message }: Outcome): string => `${codeName} ${reason} ${JSON.stringify(message)}`

/** What is wrong with an answer, by the code that is expected; undefined when nothing is. */
export const problemOf = (code: string, outcome: Outcome): string | undefined => {
  if (code === '-')
    return outcome.code === Code.UNIMPLEMENTED && outcome.decisionId === '' ? undefined : `must not be served: ${seen(outcome)}`
  if (outcome.left) return code === 'Y' ? undefined : `must be refused ${REASONS[code]}: it answers`
  if (!HEX_16.test(outcome.decisionId)) return `no tenantry-decision-id: ${seen(outcome)}`
  if (!HEX_16.test(outcome.traceId)) return `no tenantry-trace-id: ${seen(outcome)}`
  if (code === 'Y') return LET_IN.has(outcome.code) ? undefined : `must be let in: ${seen(outcome)}`
  const reason = REASONS[code]!
  if (outcome.reason !== reason || outcome.code !== CODES[reason]) return `must be refused ${reason}: ${seen(outcome)}`
  if (outcome.metadata['decision_id'] !== outcome.decisionId) return `ErrorInfo names another decision: ${seen(outcome)}`
  if (outcome.messages.length > 0) return `refused, but not before it answered: ${seen(outcome)}`
  return undefined
}
