import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { DescMethod, JsonObject, JsonValue, Message } from '@bufbuild/protobuf'
import { create, ScalarType, toBinary, toJson } from '@bufbuild/protobuf'
import { tracing } from '@opentelemetry/sdk-node'
import { inspect } from 'node:util'
import { SubjectFactSchema, TenantFactSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { AccessRecordSchema } from '../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { EDGE_SERVICES } from '../../services/gateway/service.js'
import { newId } from '../../services/platform/ids.js'
import { createSealer } from '../../services/platform/keys/x25519-sealer.js'
import { newPair } from '../../services/platform/keys/x25519.js'
import type { Call } from '../../services/platform/mesh/call.js'
import { dial, sendFrames } from '../../services/platform/mesh/testing/wire.js'
import type { TestMesh } from '../../services/platform/mesh/testing.js'
import { createTestMesh, REGION, TRUST_DOMAIN } from '../../services/platform/mesh/testing.js'
import { serviceSpiffeId } from '../../services/platform/mesh/workload.js'
import { createChainMetrics } from '../../services/platform/telemetry/chain-metrics.js'
import { createLogger } from '../../services/platform/telemetry/log.js'
import { createRegistry } from '../../services/platform/telemetry/metrics.js'
import { createTracing } from '../../services/platform/telemetry/trace.js'
import { requestBytes, requestJson } from '../requests.js'

/** What is said of a person in every field that takes text. */
const CANARY = 'canaryzoe'
const EMAIL = `${CANARY}@example.test`
const tenant = newId('ten')

const lines: string[] = []
const spans = new tracing.InMemorySpanExporter()
const registry = createRegistry({ service_name: 'data', service_instance_id: 'data-1', service_version: 'test' })
const sealer = createSealer()
const { publicKey } = newPair()
const methods = EDGE_SERVICES.flatMap((service): DescMethod[] => [...service.methods]).filter(({ methodKind }) => methodKind === 'unary')

let mesh: TestMesh
let trace: Awaited<ReturnType<typeof createTracing>>
/** Done by handlers besides what they do for every test: what a careless one would. */
let careless: ((call: Call) => void) | undefined
let handled = 0

const handler = (request: Message, call: Call): Promise<never> => {
  handled++
  call.seal({ email: EMAIL })
  careless?.(call)
  // The worst that a handler can do: an unknown error that quotes the request, as those of drivers do.
  const quoted = `Key (email)=(${EMAIL}) exists; ${inspect(request)}`
  return Promise.reject(new Error(quoted, { cause: new TypeError(quoted) }))
}

beforeAll(async () => {
  const options = { service: 'data', instance: 'data-1', version: 'test', region: REGION }
  trace = await createTracing({ ...options, env: { OTEL_TRACES_SAMPLER: 'always_on' }, exporters: [spans] })
  mesh = await createTestMesh({
    routes: methods.map((method) => ({ method, rpc: handler as never })),
    log: createLogger({ service: 'data', level: 'trace', destination: { write: (line) => void lines.push(line) } }),
    tracer: trace.tracer,
    metrics: createChainMetrics(registry),
    sealer,
    refusalWindowMs: 60_000,
    facts: {
      tenant: (tenantId) => create(TenantFactSchema, { tenantId, status: 'active', publicKey, publicKeyId: 'key-1' }),
      subject: (tenantId, subjectId) =>
        create(SubjectFactSchema, { tenantId, subjectId, status: 'active', publicKey, publicKeyId: 'key-2' }),
    },
  })
})
afterAll(async () => {
  await mesh.close()
  await trace.close()
  sealer.close()
})

/** Everything that leaves the process or reaches a disk. */
const exported = async (): Promise<string> => {
  await trace.flush()
  const told = spans
    .getFinishedSpans()
    .map(({ name, attributes, events, links, status, resource }) =>
      inspect(
        { name, attributes, events, links, status, resource: resource.attributes },
        { depth: 10, maxStringLength: null, breakLength: Infinity },
      ),
    )
  const records = mesh.records.map((record) => Buffer.from(toBinary(AccessRecordSchema, record)).toString('latin1'))
  return [...told, ...lines, ...records, await registry.metrics()].join('\n')
}
const forget = (): void => {
  spans.reset()
  lines.length = mesh.records.length = handled = 0
  careless = undefined
}

/** Ids are no personal data; a record's is the client's choice and counts as clear, as the contract says. */
const PLAIN = /_id$|_ids$|^(?:etag|page_token|update_mask|record_id|actions?|question|tier|type|resource_type|view|classification|timeout)$/
const salted = (name: string, value: JsonValue, all: boolean): JsonValue => {
  if (typeof value === 'string') return all || !PLAIN.test(name) ? (name === 'email' ? EMAIL : CANARY) : value
  if (Array.isArray(value)) return value.map((item) => salted(name, item, all))
  if (value === null || typeof value !== 'object') return value
  if (!all && PLAIN.test(name)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, salted(key, inner!, all)]))
}
const textFields = (method: DescMethod): JsonObject =>
  Object.fromEntries(
    method.input.fields
      .filter((field) => field.fieldKind === 'scalar' && field.scalar === ScalarType.STRING)
      .map(({ name }) => [name, CANARY]),
  )

const freeText = (method: DescMethod): JsonObject =>
  Object.fromEntries(Object.entries(textFields(method)).filter(([name]) => !PLAIN.test(name)))

const callAll = async (requestOf: (method: DescMethod) => Uint8Array): Promise<void> => {
  const client = mesh.connect()
  for (const method of methods) {
    const path = `/${method.parent.typeName}/${method.name}`
    await client.raw.unary(path, requestOf(method), { token: mesh.token({ tenant }) }).catch(() => undefined)
  }
}

describe('what is said of people (threats 48)', () => {
  it('stands in no span, log, metric or record of a call that failed in its handler', async () => {
    forget()
    await callAll((method) =>
      requestBytes(method, salted('', { ...freeText(method), ...requestJson(method, { tenantId: tenant }) }, false) as JsonObject),
    )
    expect(handled).toBeGreaterThan(methods.length * 0.7)
    expect(mesh.records.length).toBe(methods.length)
    const told = await exported()
    expect(told).toContain('tenantry.identity.v1.UserService/CreateUser')
    expect(told).not.toContain(CANARY)
  })

  it('stands in none of a call that was refused for it, in any field of any method', async () => {
    forget()
    await callAll((method) => requestBytes(method, textFields(method)))
    expect(await exported()).not.toContain(CANARY)
  })

  it('stands in none of what came beside the message: headers, baggage, paths', async () => {
    forget()
    const spiffeId = serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway')
    const socket = await dial(mesh.server.port, mesh.authority.issue({ spiffeId, ttlMs: 60_000 }))
    const names = ['user-agent', 'baggage', 'tracestate', 'x-note', 'cookie', 'grpc-trace-bin', 'referer']
    sendFrames(
      socket,
      `/${CANARY}.v1.Service/${CANARY}`,
      names.map((name) => [name, CANARY] as const),
      Buffer.from(CANARY),
    )
    for (let i = 0; i < 200 && mesh.records.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    socket.destroy()
    expect(mesh.records).toHaveLength(1)
    expect(await exported()).not.toContain(CANARY)
  })

  it('is there, sealed: every record of a handled call has a part for its person', () => {
    const sealed = mesh.records.flatMap((record) => record.sealed)
    expect(sealed.length).toBeGreaterThan(0)
    expect(JSON.stringify(toJson(AccessRecordSchema, mesh.records[0]!))).not.toContain(Buffer.from(CANARY).toString('base64').slice(0, 10))
  })

  const slips: Record<string, (call: Call) => void> = {
    'a span': (call) => call.span.setAttribute('user.email', EMAIL),
    'a log': (call) => call.log.info({ note: EMAIL }, 'created'),
  }
  for (const [what, slip] of Object.entries(slips)) {
    it(`negative control: is found when a handler tells ${what}`, async () => {
      forget()
      careless = slip
      await callAll((method) => requestBytes(method, requestJson(method, { tenantId: tenant })))
      expect(await exported()).toContain(CANARY)
    })
  }
})
