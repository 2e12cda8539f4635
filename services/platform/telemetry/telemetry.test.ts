import { request as httpRequest } from 'node:http'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from '@jest/globals'
import { SpanKind } from '@opentelemetry/api'
import { tracing } from '@opentelemetry/sdk-node'
import { createChainMetrics } from './chain-metrics.js'
import { serveHealth } from './http.js'
import type { HealthServer } from './http.js'
import { logError } from './log-error.js'
import { createLogger, shortLines } from './log.js'
import { counter, createRegistry, durations, gauge } from './metrics.js'
import { childOf, createTracing, formatTraceparent, parseTraceparent, traceparentOf } from './trace.js'

const target = { service_name: 'data', service_instance_id: 'data-1', service_version: '1' }
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('createLogger()', () => {
  const lines = (run: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] => {
    const written: string[] = []
    run(createLogger({ service: 'data', instance: 'data-1', level: 'info', destination: { write: (line) => void written.push(line) } }))
    return written.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  it('writes one line of JSON with service, instance and the trace id of a call', () => {
    const [entry] = lines((log) => log.child({ trace_id: 'abc' }).info('ready\nnow'))
    expect(entry).toMatchObject({ level: 'info', service: 'data', instance: 'data-1', trace_id: 'abc', msg: 'ready\nnow' })
  })

  it('hides credentials and what is personal wherever they stand (threats 48)', () => {
    const [entry] = lines((log) =>
      log.info(
        { email: 'canary', request: { password: 'canary', inner: { token: 'canary' } }, headers: { authorization: 'canary' } },
        'call',
      ),
    )
    expect(JSON.stringify(entry)).not.toContain('canary')
  })

  it('tells of a database error its code and constraint, never the row', () => {
    const error = Object.assign(new Error('duplicate key: (email)=(canary@x.y)'), {
      severity: 'ERROR',
      code: '23505',
      constraint: 'user_email',
      detail: 'canary',
      where: 'canary',
    })
    const [entry] = lines((log) => log.error({ err: new Error('insert failed', { cause: error }) }, 'write'))
    expect(JSON.stringify(entry)).not.toContain('canary')
    expect(entry!['err']).toMatchObject({ cause: { code: '23505', constraint: 'user_email' } })
  })

  it('passes on what was described already', () => {
    const [entry] = lines((log) => log.error({ err: { type: 'AppError', reason: 'FACTS_STALE', at: 'x.ts:1' } }, 'call failed'))
    expect(entry).toMatchObject({ err: { type: 'AppError', reason: 'FACTS_STALE', at: 'x.ts:1' } })
  })

  it('negative control: an error that is not serialized by us does carry the row', () => {
    const error = Object.assign(new Error('canary'), { severity: 'ERROR', code: '23505' })
    expect(inspect(error)).toContain('canary')
    expect(logError(error)).toMatchObject({ message: 'database error' })
  })
})

describe('shortLines()', () => {
  it('shows people warnings and errors only', () => {
    const shown: string[] = []
    const log = createLogger({ service: 'data', level: 'info', destination: shortLines((line) => shown.push(line)) })
    log.info('quiet')
    log.warn({ err: new Error('no broker') }, 'relay waits')
    expect(shown).toHaveLength(1)
    expect(shown[0]).toMatch(/^\d\d:\d\d:\d\d warn data: relay waits \(no broker\)\n$/)
  })
})

describe('createTracing()', () => {
  const tracing_ = async (service: string, env: Record<string, string> = {}) => {
    const exporter = new tracing.InMemorySpanExporter()
    return {
      exporter,
      ...(await createTracing({ service, instance: `${service}-1`, version: '1', region: 'local', env, exporters: [exporter] })),
    }
  }

  it('gives each service of a process a resource of its own, in one trace', async () => {
    const [gateway, data] = await Promise.all([tracing_('gateway', { OTEL_TRACES_SAMPLER: 'always_on' }), tracing_('data')])
    const parent = gateway.tracer.startSpan('in', { kind: SpanKind.SERVER }, childOf(undefined))
    const child = data.tracer.startSpan('out', {}, childOf(parseTraceparent(traceparentOf(parent))))
    child.end()
    parent.end()
    await Promise.all([gateway.flush(), data.flush()])
    const [a] = gateway.exporter.getFinishedSpans()
    const [b] = data.exporter.getFinishedSpans()
    expect([a!.resource.attributes['service.name'], b!.resource.attributes['service.name']]).toEqual(['gateway', 'data'])
    expect(b!.spanContext().traceId).toBe(a!.spanContext().traceId)
    expect(b!.parentSpanContext!.spanId).toBe(a!.spanContext().spanId)
    await Promise.all([gateway.close(), data.close()])
  })

  it('samples a tenth of the roots, and follows its parent otherwise', async () => {
    const { tracer, close } = await tracing_('data')
    const sampled = Array.from({ length: 4000 }, () => tracer.startSpan('x', {}, childOf(undefined)).spanContext().traceFlags & 1)
    const share = sampled.reduce((sum, flag) => sum + flag, 0) / sampled.length
    expect(share).toBeGreaterThan(0.06)
    expect(share).toBeLessThan(0.15)
    expect(tracer.startSpan('x', {}, childOf(parseTraceparent(TRACE))).spanContext().traceFlags).toBe(1)
    expect(tracer.startSpan('x', {}, childOf(parseTraceparent(TRACE.replace(/1$/, '0')))).spanContext().traceFlags).toBe(0)
    await close()
  })

  it('honours the sampler variables', async () => {
    const off = await tracing_('data', { OTEL_TRACES_SAMPLER: 'always_off' })
    expect(off.tracer.startSpan('x', {}, childOf(undefined)).isRecording()).toBe(false)
    const all = await tracing_('data', { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' })
    expect(all.tracer.startSpan('x', {}, childOf(undefined)).isRecording()).toBe(true)
  })

  it.each(['', 'x', TRACE.slice(0, -1), `${TRACE}-${'a'.repeat(40)}`, TRACE.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32))])(
    'takes %j for no parent',
    (header) => expect(parseTraceparent(header)).toBeUndefined(),
  )

  it('formats what it parses', () => expect(formatTraceparent(parseTraceparent(TRACE)!)).toBe(TRACE))
})

describe('metrics', () => {
  it('has every series from the start, and the trace of a call as exemplar', async () => {
    const registry = createRegistry(target)
    const calls = durations(
      registry,
      'rpc_server_call_duration_seconds',
      'Calls',
      ['rpc_method'],
      [{ rpc_method: 'a' }, { rpc_method: 'b' }],
    )
    calls.observe({ rpc_method: 'a' }, 0.0002, '0af7651916cd43dd8448eb211c80319c')
    const text = await registry.metrics()
    expect(text).toContain('rpc_server_call_duration_seconds_count{rpc_method="b"} 0')
    expect(text).toMatch(/le="0.00025",rpc_method="a"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.0002 /)
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('asks gauges when it is scraped, and leaves out what is no number', async () => {
    const registry = createRegistry(target)
    let age = 1
    gauge(registry, 'facts_age_seconds', 'Age', () => age)
    counter(registry, 'refusals', 'Refusals', ['reason'], [{ reason: 'FACTS_STALE' }])
    age = 7
    expect(await registry.metrics()).toContain('facts_age_seconds 7\n')
    expect(await registry.metrics()).toContain('refusals_total{reason="FACTS_STALE"} 0')
  })
})

describe('createChainMetrics()', () => {
  it('has a series for each method before its first call, and names the error of one that failed', async () => {
    const registry = createRegistry(target)
    const metrics = createChainMetrics(registry)
    const read = metrics.method('a.B/Read')
    metrics.method('a.B/Write')
    read.started()
    read.started()
    read.finished('PERMISSION_DENIED', 'NOT_OWNER', 0.002, undefined)
    const text = await registry.metrics()
    expect(text).toContain(
      'rpc_server_call_duration_seconds_count{rpc_method="a.B/Write",rpc_system_name="grpc",rpc_response_status_code="OK",error_type=""} 0',
    )
    expect(text).toContain('rpc_response_status_code="PERMISSION_DENIED",error_type="NOT_OWNER"} 1')
    expect(text).toContain('rpc_server_active_calls 1')
  })
})

describe('serveHealth()', () => {
  let server: HealthServer | undefined
  afterEach(async () => server?.close())
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port: server!.port, path, method, headers }, (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode!, body }))
      })
        .on('error', reject)
        .end()
    })

  it('tells liveness apart from readiness', async () => {
    let facts = false
    server = await serveHealth({ registry: createRegistry(target), port: 0, checks: async () => ({ database: true, facts }) })
    expect((await get('/healthz')).status).toBe(200)
    expect(await get('/readyz')).toEqual({ status: 503, body: '{"database":true,"facts":false}\n' })
    facts = true
    expect((await get('/readyz')).status).toBe(200)
    expect((await get('/metrics')).body).toContain('target_info{service_name="data"')
  })

  it('answers loopback names only, and only reads (threats 47)', async () => {
    server = await serveHealth({ registry: createRegistry(target), port: 0, checks: async () => ({}) })
    expect((await get('/metrics', { host: 'evil.example' })).status).toBe(403)
    expect((await get('/metrics', {}, 'POST')).status).toBe(403)
    expect((await get('/../secrets.json')).status).toBe(404)
  })
})
