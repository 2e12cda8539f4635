import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Fact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { FactSchema } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { createFacts } from '../facts/create-facts.js'
import type { FactsModel, FactsOptions } from '../facts/create-facts.js'
import { PLATFORM_TENANT } from '../ids.js'
import type { Call, ServiceName, Subject, Workload } from '../mesh/call.js'
import { workDeadline } from '../mesh/deadline.js'

/** Ids of a small world that tests share: two tenants, the platform, and who lives there. */
export const ACME = 'ten_01k0aaaaaaaaaaaaaaaaaaaaaa'
export const GLOBEX = 'ten_01k0gggggggggggggggggggggg'
export const ABSENT = 'ten_01k0zzzzzzzzzzzzzzzzzzzzzz'
export const ALICE = 'usr_01k0aaaaaaaaaaaaaaaaaaaaaa'
export const BOB = 'usr_01k0bbbbbbbbbbbbbbbbbbbbbb'
export const OPERATOR = 'usr_01k00000000000000000000000'
export const ADMIN = 'rol_01k0aaaaaaaaaaaaaaaaaaaaaa'
export const EDITOR = 'rol_01k0eeeeeeeeeeeeeeeeeeeeee'
export const ROOT = 'rol_01k00000000000000000000000'
export const COLLECTION = 'col_01k0cccccccccccccccccccccc'

export const fact = (value: MessageInitShape<typeof FactSchema>['fact']): Fact => create(FactSchema, { fact: value })

export const tenantFact = (tenantId: string, version = 1n, status = 'active'): Fact =>
  fact({
    case: 'tenant',
    value: { tenantId, version, slug: tenantId.slice(4, 10), status, tier: 'standard', region: 'local', placement: 'pool' },
  })

export const roleFact = (tenantId: string, roleId: string, actions: string[], version = 1n): Fact =>
  fact({ case: 'role', value: { tenantId, roleId, version, actions } })

export interface SubjectParts {
  version?: bigint
  status?: string
  grants?: { roleId: string; collectionId?: string }[]
  revoked?: string[]
}

export const subjectFact = (
  tenantId: string,
  subjectId: string,
  { version = 1n, status = 'active', grants = [], revoked = [] }: SubjectParts = {},
): Fact =>
  fact({
    case: 'subject',
    value: { tenantId, subjectId, version, kind: 'user', status, grants, revokedSessions: revoked.map((sessionId) => ({ sessionId })) },
  })

/** What the owner of the small world tells at first: Alice is admin of Acme, Bob an editor there, and the operator holds everything. */
export const WORLD: readonly Fact[] = [
  tenantFact(PLATFORM_TENANT),
  tenantFact(ACME),
  tenantFact(GLOBEX),
  roleFact(ACME, ADMIN, ['*']),
  roleFact(ACME, EDITOR, ['data.collection.read', 'data.collection.list', 'data.record.*', 'tenant.tenant.read']),
  roleFact(PLATFORM_TENANT, ROOT, ['*']),
  subjectFact(ACME, ALICE, { grants: [{ roleId: ADMIN }] }),
  subjectFact(ACME, BOB, { grants: [{ roleId: EDITOR }] }),
  subjectFact(PLATFORM_TENANT, OPERATOR, { grants: [{ roleId: ROOT }] }),
]

export interface TestFacts extends FactsModel {
  /** Commits facts at the owner: readers learn of them when they renew. */
  commit(...facts: Fact[]): void
  /** Takes the owner away, or brings it back. */
  reachable(yes: boolean): void
  renewals(): number
}

/** A read model over an owner that lives in the test. It renews when it is asked only, unless told otherwise. */
export const testFacts = async (world: readonly Fact[] = WORLD, options: Partial<FactsOptions> = {}): Promise<TestFacts> => {
  const log = [...world]
  let up = true
  let renewals = 0
  const owner = {
    name: 'owner',
    renew: (cursor: Uint8Array) => {
      renewals++
      if (!up) return Promise.reject(new Error('unreachable'))
      const from = cursor.length === 0 ? 0 : Buffer.from(cursor).readUInt32BE()
      const next = Buffer.alloc(4)
      next.writeUInt32BE(log.length)
      return Promise.resolve({ facts: log.slice(from), cursor: next, reset: cursor.length === 0, more: false })
    },
  }
  const facts = createFacts({ owners: [owner], renewMs: 60_000, leaseMs: 60_000, minGapMs: 0, ...options })
  const deadline = workDeadline(5000)
  await facts.ensure(deadline)
  deadline.settle()
  return {
    ...facts,
    commit: (...more) => void log.push(...more),
    reachable: (yes) => {
      up = yes
    },
    renewals: () => renewals,
  }
}

export const workload = (service: ServiceName = 'gateway'): Workload => ({
  spiffeId: `spiffe://tenantry.local/region/local/svc/${service}`,
  service,
  region: 'local',
  thumbprint: '',
})

export const subject = (tenant: string, id: string, parts: Partial<Subject> = {}): Subject => ({
  id,
  kind: 'user',
  tenant,
  session: 'ses_01k0ssssssssssssssssssssss',
  region: 'local',
  authTime: 1_800_000_000,
  expires: Date.now() / 1000 + 300,
  mfa: false,
  binding: 'none',
  token: `token of ${id}`,
  ...parts,
})

/** The parts of a call that an authorizer reads. */
export const testCall = (parts: Partial<Pick<Call, 'subject' | 'workload' | 'clientAddress'>> = {}): Call => {
  const deadline = workDeadline(5000)
  return { workload: workload(), subject: undefined, clientAddress: '192.0.2.1', deadline, ...parts } as unknown as Call
}
