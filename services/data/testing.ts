import { createHash } from 'node:crypto'
import type {
  DescMethod,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { create, toBinary } from '@bufbuild/protobuf'
import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { ObligationsSchema } from '../../proto/gen/tenantry/authz/v1/input_pb.js'
import type { Obligations } from '../../proto/gen/tenantry/authz/v1/input_pb.js'
import { TenantFactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { TenantFact } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { FieldSchema } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { TenancyService } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { newId, random16 } from '../platform/ids.js'
import { createPageTokens } from '../platform/keys/page-token.js'
import type { Sealer } from '../platform/keys/sealer.js'
import type { Call, Decision, RowFacts, Subject } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import type { FieldViolation, ReasonName } from '../platform/mesh/errors.js'
import { meshMethod } from '../platform/mesh/method.js'
import { createChecks } from '../platform/mesh/validation.js'
import type { Check } from '../platform/mesh/validation.js'
import { deadlineIn, testDatabase } from '../platform/postgres/testing.js'
import type { TestDatabase } from '../platform/postgres/testing.js'
import { MIGRATIONS, openDataService, schemaOf } from './service.js'

export type Placement = 'pool' | 'schema'

export interface CallOptions {
  readonly tenant: string
  readonly subject?: string
  readonly obligations?: MessageInitShape<typeof ObligationsSchema>
  /** Says no to a row by throwing, and what to do with a yes. */
  readonly decideRow?: (row: RowFacts) => MessageInitShape<typeof ObligationsSchema> | undefined
  readonly timeoutMs?: number
}

/** A call as the chain would have established it, with what the service told it. */
export interface TestCall extends Call {
  readonly events: string[]
  readonly rows: RowFacts[]
  progressed: number
}

const log = pino({ enabled: false })
const span = trace.getTracer('test').startSpan('test')
const obligations = (of: MessageInitShape<typeof ObligationsSchema> | undefined): Obligations | undefined =>
  of === undefined ? undefined : create(ObligationsSchema, of)

export const testCall = (desc: DescMethod, options: CallOptions): TestCall => {
  const method = meshMethod(desc)
  const events: string[] = []
  const rows: RowFacts[] = []
  let mayWrite = method.option.rowFacts.length === 0
  const decision: Decision = { allow: true, reason: '', obligations: obligations(options.obligations), revision: 1n, cached: false }
  const subject: Subject = {
    id: options.subject ?? 'usr_tester',
    kind: 'user',
    tenant: options.tenant,
    session: 'ses_test',
    region: 'local',
    authTime: 0,
    expires: 2 ** 31,
    mfa: false,
    binding: 'none',
    token: '',
  }
  return {
    service: 'data',
    method,
    decisionId: random16(),
    region: 'local',
    traceId: '',
    workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/gateway', service: 'gateway', region: 'local', thumbprint: '' },
    subject,
    tenant: options.tenant,
    decision,
    deadline: deadlineIn(options.timeoutMs ?? 20_000),
    span,
    log,
    clientAddress: undefined,
    metadata: () => undefined,
    decideWithRow: async (row) => {
      rows.push(row)
      const answer = options.decideRow?.(row)
      mayWrite = true
      return { ...decision, obligations: obligations(answer) }
    },
    get mayWrite() {
      return mayWrite
    },
    enterTenant: () => undefined,
    nextEvent: () => {
      const id = newId('evt')
      events.push(id)
      return { id, ordinal: events.length }
    },
    dropEvents: (ids) => void events.splice(0, events.length, ...events.filter((id) => !ids.includes(id))),
    seal: () => undefined,
    progress() {
      this.progressed += 1
      return Promise.resolve()
    },
    events,
    rows,
    progressed: 0,
  } as TestCall
}

const noPersonalData: Sealer = {
  seal: () => {
    throw new Error('the data service has nothing personal to say in clear')
  },
}

type Init<M extends DescMethod> = MessageInitShape<M['input']>

/** The data service over a database of its own, called as the chain calls it: the message through the wire's form and the contract's rules first. */
export interface TestData {
  readonly database: TestDatabase
  /** A tenant prepared in that placement. */
  tenant(placement: Placement): Promise<string>
  /** Makes a tenant known without preparing it. */
  know(tenantId: string, placement: Placement): void
  call<I extends DescMethodUnary>(method: I, request: Init<I>, options?: Partial<CallOptions>): Promise<MessageShape<I['output']>>
  callWith<I extends DescMethodUnary>(call: TestCall, method: I, request: Init<I>): Promise<MessageShape<I['output']>>
  importing<I extends DescMethodClientStreaming>(call: TestCall, method: I, requests: Iterable<Init<I>>): Promise<MessageShape<I['output']>>
  exporting<I extends DescMethodServerStreaming>(call: TestCall, method: I, request: Init<I>): AsyncIterable<MessageShape<I['output']>>
  collection(tenantId: string, fields: MessageInitShape<typeof FieldSchema>[], name?: string): Promise<string>
  /** Schema that the tenant's tables are in. */
  schema(tenantId: string): string
  close(): Promise<void>
}

export const openTestData = async (): Promise<TestData> => {
  const tenants = new Map<string, TenantFact>()
  const facts = { tenant: (id: string) => tenants.get(id), subject: () => undefined }
  const database = await testDatabase({ service: 'data', migrations: MIGRATIONS, database: { schemaOf: schemaOf(facts) } })
  const service = openDataService({
    db: database.db,
    facts,
    keyStore: {
      dataKey: async (tenantId, purpose) => ({ keyId: 'test', key: createHash('sha256').update(`${tenantId}/${purpose}`).digest() }),
      ready: async () => true,
    },
    sealer: noPersonalData,
    pageTokens: createPageTokens({ secret: Buffer.alloc(32, 7) }),
  })
  const checkOf = createChecks()
  const checks = new Map<DescMethod, Check>()
  const routeOf = (method: DescMethod) => service.routes.find((route) => route.method === method)!
  const read = (method: DescMethod, request: object): never => {
    let check = checks.get(method)
    if (check === undefined) checks.set(method, (check = checkOf(method.input)))
    return check(toBinary(method.input, create(method.input, request as never))) as never
  }
  const know = (tenantId: string, placement: Placement): void =>
    void tenants.set(tenantId, create(TenantFactSchema, { tenantId, placement, status: 'active', region: 'local' }))

  const callWith: TestData['callWith'] = async (call, method, request) =>
    create(method.output, (await routeOf(method).rpc(read(method, request as object), call)) as never) as never
  const call: TestData['call'] = (method, request, options) =>
    callWith(testCall(method, { tenant: (request as { tenantId: string }).tenantId, ...options }), method, request)
  return {
    database,
    know,
    tenant: async (placement) => {
      const tenantId = newId('ten')
      const request = { tenantId, operationId: newId('op'), placement, tier: 'standard', region: 'local' }
      await call(TenancyService.method.prepareTenant, request)
      know(tenantId, placement)
      return tenantId
    },
    call,
    callWith,
    importing: async (of, method, requests) => {
      const stream = (async function* () {
        for (const request of requests) yield read(method, request as object)
      })()
      return create(method.output, (await routeOf(method).rpc(stream as never, of)) as never) as never
    },
    exporting: async function* (of, method, request) {
      for await (const answer of routeOf(method).rpc(read(method, request as object), of) as unknown as AsyncIterable<never>)
        yield create(method.output, answer) as never
    },
    collection: async (tenantId, fields, name = `c${newId('col').slice(-12)}`) => {
      const { collection } = await call(CollectionService.method.createCollection, { tenantId, name, fields })
      return collection!.collectionId
    },
    schema: (tenantId) => (tenants.get(tenantId)?.placement === 'schema' ? tenantId : 'pool'),
    close: async () => {
      await service.close()
      await database.close()
    },
  }
}

/** The reason and the violations with which `work` was refused; throws when it was not. */
export const refusal = async (
  work: Promise<unknown>,
): Promise<{ reason: ReasonName; message: string; violations: FieldViolation[]; metadata: Record<string, string> }> => {
  try {
    await work
  } catch (error) {
    if (error instanceof AppError)
      return { reason: error.reason, message: error.message, violations: error.violations, metadata: error.metadata }
    throw error
  }
  throw new Error('was not refused')
}

export const text = (name: string, more: MessageInitShape<typeof FieldSchema> = {}) => ({ name, type: FieldType.STRING, ...more })
export const number = (name: string, more: MessageInitShape<typeof FieldSchema> = {}) => ({ name, type: FieldType.NUMBER, ...more })
