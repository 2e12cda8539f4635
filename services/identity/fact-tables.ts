import { fromJson } from '@bufbuild/protobuf'
import type { JsonValue } from '@bufbuild/protobuf'
import { FactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { FactTable } from '../platform/facts/fact-owner.js'
import { selectRoleFacts, selectSubjectFacts } from './store/select-facts.js'

interface FactRow {
  readonly fact: JsonValue
}

const table = (name: string, select: string): FactTable<FactRow> => ({ name, select, toFact: ({ fact }) => fromJson(FactSchema, fact) })

/** What identity owns of the facts that decisions are made from: subjects with their grants and ended sessions, and roles. */
export const FACT_TABLES: readonly FactTable<FactRow>[] = [table('subject', selectSubjectFacts), table('role', selectRoleFacts)]
