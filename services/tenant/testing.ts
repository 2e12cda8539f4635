import type { DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { newId, PLATFORM_TENANT, random16 } from '../platform/ids.js'
import type { EventDraft } from '../platform/events/draft.js'
import { createFactOwner } from '../platform/facts/fact-owner.js'
import { createPageTokens } from '../platform/keys/page-token.js'
import type { Call } from '../platform/mesh/call.js'
import { meshMethod } from '../platform/mesh/method.js'
import { deadlineIn, testDatabase } from '../platform/postgres/testing.js'
import { tenantFacts } from './facts.js'
import type { PrepareTenant } from './provision.js'
import { openTenantService } from './service.js'

const span = trace.getTracer('test').startSpan('test')
const log = pino({ enabled: false })

/** A call as the chain would have established it: of an operator, or of a subject of `tenant`. */
export const testCall = (desc: DescMethod, tenant = PLATFORM_TENANT): Call => {
  let ordinal = 0
  return {
    service: 'tenant',
    method: meshMethod(desc),
    decisionId: random16(),
    region: 'local',
    traceId: '',
    workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/gateway', service: 'gateway', region: 'local', thumbprint: '' },
    subject: { id: 'usr_01h2xcejqtf2nbrexx3vqjhp41', kind: 'user', tenant, session: 'ses_x', region: 'local', binding: 'none' },
    tenant,
    deadline: deadlineIn(20_000),
    span,
    log,
    mayWrite: true,
    nextEvent: () => ({ id: newId('evt'), ordinal: ++ordinal }),
  } as unknown as Call
}

const nothing: PrepareTenant = () =>
  Promise.resolve({ $typeName: 'tenantry.tenancy.v1.PrepareTenantResponse', publicKey: new Uint8Array(), publicKeyId: '' })

/** What the other services do for a tenant: settable by a test. */
export interface Others {
  audit: PrepareTenant
  data: PrepareTenant
}

/** The tenant service on a real database, with stand-ins for the services that prepare tenants. */
export const tenantFixture = async () => {
  const database = await testDatabase({ service: 'tenant', migrations: new URL('./migrations/', import.meta.url) })
  const key = Uint8Array.from({ length: 32 }, (_, i) => i)
  const others: Others = {
    audit: () => Promise.resolve({ $typeName: 'tenantry.tenancy.v1.PrepareTenantResponse', publicKey: key, publicKeyId: 'key_1' }),
    data: nothing,
  }
  const seal = (draft: EventDraft, call: Pick<Call, 'nextEvent'>) => ({ ...draft, ...call.nextEvent(draft), sealed: [] })
  const owner = createFactOwner({ pool: database.pool('tenant_relay'), tables: [tenantFacts] })
  const service = openTenantService({
    db: database.db,
    region: 'local',
    self: { spiffeId: 'spiffe://tenantry.local/region/local/svc/tenant', service: 'tenant' },
    log,
    pageTokens: createPageTokens({ secret: Buffer.alloc(32, 7) }),
    seal,
    prepare: [
      { step: 'keys', service: 'audit', prepare: (...asked) => others.audit(...asked) },
      { step: 'data_placement', service: 'data', prepare: (...asked) => others.data(...asked) },
    ],
    requestKey: Buffer.alloc(32, 9),
    leaseMs: 20,
    factOwner: owner,
  })
  /** Calls the method as an operator, or as a subject of `tenant`. */
  const call = async <M extends DescMethodUnary>(
    desc: M,
    request: MessageInitShape<M['input']>,
    tenant?: string,
  ): Promise<MessageShape<M['output']>> => {
    const route = service.routes.find(({ method }) => method === (desc as DescMethod))!
    const message = create(desc.input, request)
    return create(
      desc.output,
      await (route.rpc as (m: unknown, c: Call) => Promise<Record<string, unknown>>)(message, testCall(desc, tenant)),
    ) as MessageShape<M['output']>
  }
  return { database, service, owner, others, call, close: async () => (await service.close(), database.close()) }
}

export type TenantFixture = Awaited<ReturnType<typeof tenantFixture>>
