import { ROOT_CONTEXT, TraceFlags, isSpanContextValid, trace } from '@opentelemetry/api'
import type { Context, Span, SpanContext, Tracer } from '@opentelemetry/api'
import { core, resources, tracing } from '@opentelemetry/sdk-node'

/** The standard OTEL_* variables, as main.ts found them. */
export type OtelEnvironment = Readonly<Record<string, string | undefined>>

export interface TracingOptions {
  readonly service: string
  readonly instance: string
  readonly version: string
  readonly region: string
  readonly env: OtelEnvironment
  /** Where spans go besides OTLP: tests. */
  readonly exporters?: readonly tracing.SpanExporter[]
}

export interface Tracing {
  readonly tracer: Tracer
  flush(): Promise<void>
  /** Sends what waits, for at most `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>
}

const DEFAULT_RATIO = 0.1

/**
 * A provider with a resource of its own for one service: several in a process don't mix. Nothing is registered globally and no context is ambient:
 * spans are started by whoever has their parent. Spans leave the process only when OTEL_TRACES_EXPORTER or an OTLP endpoint asks for it.
 */
export const createTracing = async (options: TracingOptions): Promise<Tracing> => {
  const { service, instance, version, region, env } = options
  const exporters = [...(await otlpExporters(env)), ...(options.exporters ?? [])]
  const provider = new tracing.BasicTracerProvider({
    resource: resources.resourceFromAttributes({
      ...core.parseKeyPairsIntoRecord(env['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
      'service.name': service,
      'service.namespace': 'tenantry',
      'service.instance.id': instance,
      'service.version': version,
      'cloud.region': region,
    }),
    sampler: samplerOf(env),
    spanProcessors: exporters.map((exporter) => new tracing.BatchSpanProcessor(exporter)),
  })
  return {
    tracer: provider.getTracer('tenantry', version),
    flush: () => provider.forceFlush(),
    close: async (timeoutMs = 2000) => {
      // A collector that is away must not hold up the stop; its error is no news then.
      await core.callWithTimeout(provider.shutdown(), timeoutMs).catch(() => undefined)
    },
  }
}

const wantsOtlp = (env: OtelEnvironment): boolean => {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false
  const named = env['OTEL_TRACES_EXPORTER']
  if (named !== undefined && named !== '') return named.split(',').includes('otlp')
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])
}

/** The exporters read endpoint, headers, certificates and time-outs from the same variables themselves. Loaded only when asked for. */
const otlpExporters = async (env: OtelEnvironment): Promise<tracing.SpanExporter[]> => {
  if (!wantsOtlp(env)) return []
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? 'http/protobuf'
  const { OTLPTraceExporter } =
    protocol === 'grpc'
      ? await import('@opentelemetry/exporter-trace-otlp-grpc')
      : protocol === 'http/json'
        ? await import('@opentelemetry/exporter-trace-otlp-http')
        : await import('@opentelemetry/exporter-trace-otlp-proto')
  return [new OTLPTraceExporter()]
}

/** OTEL_TRACES_SAMPLER and its argument; a tenth, as the parent says, when they are silent. */
const samplerOf = (env: OtelEnvironment): tracing.Sampler => {
  const argument = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? Number.NaN)
  const ratio = new tracing.TraceIdRatioBasedSampler(argument >= 0 && argument <= 1 ? argument : DEFAULT_RATIO)
  switch (env['OTEL_TRACES_SAMPLER']) {
    case 'always_on':
      return new tracing.AlwaysOnSampler()
    case 'always_off':
      return new tracing.AlwaysOffSampler()
    case 'traceidratio':
      return ratio
    case 'parentbased_always_on':
      return new tracing.ParentBasedSampler({ root: new tracing.AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new tracing.ParentBasedSampler({ root: new tracing.AlwaysOffSampler() })
    default:
      return new tracing.ParentBasedSampler({ root: ratio })
  }
}

/** A `traceparent` (W3C Trace Context) as a remote parent; undefined when it is malformed. */
export const parseTraceparent = (header: string | undefined): SpanContext | undefined => {
  if (header === undefined || header.length > 64) return undefined
  const parsed = core.parseTraceParent(header)
  return parsed === null ? undefined : { ...parsed, isRemote: true }
}

export const formatTraceparent = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-0${(traceFlags & TraceFlags.SAMPLED).toString(16)}`

/** The `traceparent` of a span, to pass on; undefined when there is no trace. */
export const traceparentOf = (span: Span): string | undefined => {
  const context = span.spanContext()
  return isSpanContextValid(context) ? formatTraceparent(context) : undefined
}

/** The context to start a child of `parent` in: `tracer.startSpan(name, options, childOf(parent))`. */
export const childOf = (parent: Span | SpanContext | undefined): Context => {
  if (parent === undefined) return ROOT_CONTEXT
  return 'spanContext' in parent ? trace.setSpan(ROOT_CONTEXT, parent) : trace.setSpanContext(ROOT_CONTEXT, parent)
}
