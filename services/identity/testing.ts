import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api'
import { pino } from 'pino'
import type { RoleFact, SubjectFact, TenantFact } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { TenantFactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { createFactOwner } from '../platform/facts/fact-owner.js'
import { newId, PLATFORM_TENANT, random16 } from '../platform/ids.js'
import type { KeyStore, PublicKey } from '../platform/keys/key-store.js'
import { openLocalKeyring } from '../platform/keys/local-keyring.js'
import { createPageTokens } from '../platform/keys/page-token.js'
import { createSealer } from '../platform/keys/x25519-sealer.js'
import { newPair } from '../platform/keys/x25519.js'
import type { Call, RowFacts, Subject } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import { meshMethod } from '../platform/mesh/method.js'
import { deadlineIn, testDatabase } from '../platform/postgres/testing.js'
import { ensureOperator } from './bootstrap.js'
import type { IdentityFacts } from './deps.js'
import { FACT_TABLES } from './fact-tables.js'
import { heldActions, notGiven } from './held-actions.js'
import type { IdentityOptions } from './service.js'
import { MIGRATIONS, openIdentityService } from './service.js'

export const OPERATOR = { email: 'operator@platform.local', password: 'correct horse battery staple' }

/** Facts as a replica without any lag has them: read from the owner before every call. Tenants are the test's to state. */
const testFacts = (owner: ReturnType<typeof createFactOwner>) => {
  const tenants = new Map<string, TenantFact>()
  const subjects = new Map<string, SubjectFact>()
  const roles = new Map<string, RoleFact>()
  let cursor: Uint8Array = new Uint8Array()
  const refresh = async (): Promise<void> => {
    for (;;) {
      const answer = await owner.renew(cursor, deadlineIn(10_000))
      for (const { fact } of answer.facts) {
        if (fact.case === 'subject') subjects.set(fact.value.subjectId, fact.value)
        if (fact.case === 'role') roles.set(fact.value.roleId, fact.value)
      }
      cursor = answer.cursor
      if (!answer.more) return
    }
  }
  const facts: IdentityFacts = {
    ensure: () => undefined,
    refresh,
    tenant: (id) => tenants.get(id),
    tenantBySlug: (slug) => [...tenants.values()].find((tenant) => tenant.slug === slug),
    subject: (tenantId, id) => (subjects.get(id)?.tenantId === tenantId ? subjects.get(id) : undefined),
    role: (tenantId, id) => (roles.get(id)?.tenantId === tenantId ? roles.get(id) : undefined),
    sessionRevoked: (tenantId, subjectId, sessionId) =>
      facts.subject(tenantId, subjectId)?.revokedSessions.some((revoked) => revoked.sessionId === sessionId) ?? false,
    tenants: () => tenants.values(),
    onChange: () => () => {},
    fresh: () => true,
    age: () => 0,
    close: () => {},
  }
  const addTenant = (slug: string, tenantId = newId('ten'), status = 'active'): TenantFact => {
    const tenant = create(TenantFactSchema, { tenantId, slug, status, version: 1n, tier: 'standard', region: 'local', placement: 'pool' })
    tenants.set(tenantId, tenant)
    return tenant
  }
  return { facts, refresh, addTenant, tenants }
}

/** A key store in memory: keys of people and data keys, made when first asked for. */
const testKeyStore = (): KeyStore & { readonly made: Map<string, PublicKey> } => {
  const made = new Map<string, PublicKey>()
  const pair = (name: string): PublicKey => {
    const known = made.get(name) ?? {
      keyId: `key_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`,
      publicKey: newPair().publicKey,
    }
    made.set(name, known)
    return known
  }
  const dataKeys = new Map<string, Buffer>()
  return {
    made,
    createTenantKeys: async (tenantId) => pair(tenantId),
    createUserKeys: async (tenantId, userId) => pair(`${tenantId}/${userId}`),
    dataKey: async (tenantId, purpose) => {
      const name = `${tenantId}/${purpose}`
      if (!dataKeys.has(name)) dataKeys.set(name, randomBytes(32))
      return { keyId: name, key: dataKeys.get(name)! }
    },
    agree: () => Promise.reject(new Error('identity opens nothing')),
    ready: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  }
}

export interface Caller {
  readonly subject?: Pick<Subject, 'id' | 'tenant'> & Partial<Subject>
  /** The service that calls, as a workload; the gateway unless said. */
  readonly service?: string
  readonly clientAddress?: string
}

type UnaryOf<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O> ? { input: MessageInitShape<I>; output: MessageShape<O> } : never

export type IdentityFixture = Awaited<ReturnType<typeof identityFixture>>

/**
 * Identity over a database of its own, with an operator. `call` stands in for the chain: it names the tenant as the option says, and decides with the row
 * as the policy does, by owner or by permission.
 */
export const identityFixture = async (over: Partial<IdentityOptions> = {}) => {
  const database = await testDatabase({ service: 'identity', migrations: MIGRATIONS })
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-identity-'))
  const kms = await openLocalKeyring({ path: join(folder, 'keyring.json') })
  const factPool = database.pool('identity_relay')
  const { facts, refresh, addTenant, tenants } = testFacts(createFactOwner({ pool: factPool, tables: FACT_TABLES }))
  addTenant('platform', PLATFORM_TENANT)
  const keyStore = testKeyStore()
  const options: IdentityOptions = {
    db: database.db,
    factPool,
    facts,
    keyStore,
    kms,
    sealer: createSealer(),
    pageTokens: createPageTokens({ secret: randomBytes(32) }),
    issuer: 'https://localhost:8443',
    region: 'local',
    leaseMs: 0,
    self: { spiffeId: 'spiffe://tenantry.local/region/local/svc/identity', service: 'identity' },
    log: pino({ level: 'silent' }),
    passwords: { concurrency: 2, waiting: 1000 },
    limits: { perAccount: 1000, perAddress: 100_000 },
    ...over,
  }
  const service = await openIdentityService(options)
  await ensureOperator(service.deps, OPERATOR)
  await refresh()

  const makeCall = (desc: DescMethod, request: { tenantId?: string }, caller: Caller): Call & { events: string[]; entered?: string } => {
    const method = meshMethod(desc)
    const subject = caller.subject && ({ kind: 'user', session: newId('ses'), region: 'local', ...caller.subject } as Subject)
    const from = caller.service ?? 'gateway'
    let mayWrite = method.option.rowFacts.length === 0
    const events: string[] = []
    const call = {
      service: 'identity' as const,
      method,
      decisionId: random16(),
      region: 'local',
      traceId: '',
      workload: { spiffeId: `spiffe://tenantry.local/region/local/svc/${from}`, service: from, region: 'local', thumbprint: '' },
      subject,
      tenant: method.option.tenant === '' ? PLATFORM_TENANT : (request.tenantId ?? ''),
      decision: undefined,
      deadline: deadlineIn(20_000),
      span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
      log: options.log,
      clientAddress: caller.clientAddress ?? '192.0.2.1',
      events,
      entered: undefined as string | undefined,
      get mayWrite() {
        return mayWrite
      },
      metadata: () => undefined,
      decideWithRow: async (row: RowFacts) => {
        const own = subject !== undefined && subject.tenant === call.tenant && row.owner === subject.id
        if (!own && notGiven(heldActions(facts, call), [method.option.action]).length > 0) throw new AppError('NOT_OWNER', 'denied')
        mayWrite = true
        return { allow: true, reason: '', obligations: undefined, revision: 1n, cached: false }
      },
      enterTenant: (tenantId: string) => {
        call.entered = tenantId
        call.tenant = tenantId
      },
      nextEvent: () => {
        const id = newId('evt')
        events.push(id)
        return { id, ordinal: events.length }
      },
      seal: () => {},
      progress: () => Promise.resolve(),
    }
    return call
  }

  const call = async <M extends DescMethod>(desc: M, request: UnaryOf<M>['input'], caller: Caller = {}): Promise<UnaryOf<M>['output']> => {
    await refresh()
    const route = service.routes.find(({ method }) => method === desc)!
    const message = create(desc.input, request as never)
    const rpc = route.rpc as (message: unknown, call: Call) => Promise<never>
    const answer = await rpc(message, makeCall(desc, message as never, caller)).finally(refresh)
    // As it would arrive: what was left out is the default.
    return fromBinary(desc.output, toBinary(desc.output, create(desc.output, answer))) as UnaryOf<M>['output']
  }

  const [operator] = await database.query<{ user_id: string }>(`select user_id from pool.users where tenant_id = $1`, [PLATFORM_TENANT])
  return {
    ...service,
    options,
    database,
    facts,
    refresh,
    addTenant,
    tenants,
    keyStore,
    call,
    makeCall,
    operator: { subject: { id: operator!.user_id, tenant: PLATFORM_TENANT } } satisfies Caller,
    close: async () => {
      await service.close()
      await database.close()
      kms.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The reason of the AppError that a promise rejects with; fails when it resolves or rejects with anything else. */
export const reasonOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof AppError) return error.reason
    throw error
  }
  throw new Error('it did not fail')
}
