import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { tracing } from '@opentelemetry/sdk-node'
import { newId } from '../platform/ids.js'
import { createPageTokens } from '../platform/keys/page-token.js'
import { createAuditService } from './service.js'
import type { AuditFixture } from './testing.js'
import { event, silent, startFixture, until } from './testing.js'

const spans = new tracing.InMemorySpanExporter()
const tracer = new tracing.BasicTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(spans)] }).getTracer('test')

describe('createAuditService()', () => {
  let fixture: AuditFixture
  let keysReady = true
  beforeAll(async () => {
    fixture = await startFixture()
  })
  afterAll(() => fixture.close())
  const start = () =>
    createAuditService({
      db: fixture.audit.db,
      eventLog: fixture.eventLog,
      keyStore: { ready: async () => keysReady } as never,
      opener: {} as never,
      pageTokens: createPageTokens({ secret: Buffer.alloc(32) }),
      tracer,
      log: silent,
    })

  it('serves every method of its contracts, is ready with all that it needs, and appends until it is closed', async () => {
    const tenant = newId('ten')
    const service = await start()
    expect(service.routes.map(({ method }) => method.name)).toEqual(['ListEvents', 'GetEvent', 'PrepareTenant'])
    expect(await service.ready()).toBe(true)
    keysReady = false
    expect(await service.ready()).toBe(false)
    keysReady = true
    await fixture.eventLog.produce('changes', [event(tenant)])
    await until(async () => (await service.lag()) === 0n)
    expect(await fixture.leaves(tenant)).toHaveLength(1)
    await service.close()
    await fixture.eventLog.produce('changes', [event(tenant)])
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await fixture.leaves(tenant)).toHaveLength(1)
  })

  it('goes on in the trace of the call that an event tells of, where that was sampled', async () => {
    spans.reset()
    const tenant = newId('ten')
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const service = await start()
    const traced = (flags: string) => event(tenant, { traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}` })
    await fixture.eventLog.produce('changes', [traced('01'), traced('00')])
    await until(async () => (await fixture.leaves(tenant)).length === 2)
    await service.close()
    const mine = spans.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId)
    expect(mine.map(({ name, parentSpanContext }) => [name, parentSpanContext?.spanId])).toEqual([['process changes', '00f067aa0ba902b7']])
  })
})
