import { Registry, collectDefaultMetrics, Counter, Gauge, Histogram } from 'prom-client'
import type { OpenMetricsContentType } from 'prom-client'

export type MetricsRegistry = Registry<OpenMetricsContentType>

/** Seconds: from 0.25 ms, because a cached decision and an indexed row answer below 1 ms. */
const DURATION_BUCKETS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * The metrics of one service, in a registry of its own. No label names a tenant, a subject or an address. Names follow the semantic conventions
 * of OpenTelemetry in their Prometheus spelling (`rpc.server.call.duration` is `rpc_server_call_duration_seconds`).
 */
export const createRegistry = (target: { service_name: string; service_instance_id: string; service_version: string }): MetricsRegistry => {
  const registry = new Registry() as unknown as MetricsRegistry
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  // Resource attributes stand once, not on every series (Prometheus compatibility of OpenTelemetry, `target_info`).
  new Gauge({ name: 'target_info', help: 'Target metadata', labelNames: Object.keys(target), registers: [registry] }).set(target, 1)
  return registry
}

/** CPU, memory, event-loop lag, garbage collection: of the process, so registered with one of its services. */
export const collectProcessMetrics = (registry: MetricsRegistry): void =>
  collectDefaultMetrics({ register: registry as unknown as Registry })

/** A counter; each of `series` is there from the start. */
export const counter = <const L extends string>(
  registry: MetricsRegistry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
  series: readonly Record<L, string>[] = [],
): Counter<L> => {
  const metric = new Counter<L>({ name, help, labelNames: [...labelNames], registers: [registry] })
  for (const labels of series) metric.inc(labels, 0)
  return metric
}

/** A gauge that is asked when it is scraped. */
export const gauge = (registry: MetricsRegistry, name: string, help: string, read: () => number | Promise<number>): void => {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const value = await read()
      if (Number.isFinite(value)) this.set(value)
    },
  })
}

export interface Durations<L extends string> {
  /** Makes a series before it has an observation. */
  begin(labels: Record<L, string>): void
  /** `traceId`, of a sampled call only, becomes the bucket's exemplar. */
  observe(labels: Record<L, string>, seconds: number, traceId?: string): void
}

/** A histogram of seconds with exemplars; each of `series` is there from the start. */
export const durations = <const L extends string>(
  registry: MetricsRegistry,
  name: string,
  help: string,
  labelNames: readonly L[],
  series: readonly Record<L, string>[] = [],
): Durations<L> => {
  const metric = new Histogram({
    name,
    help,
    labelNames: [...labelNames],
    buckets: DURATION_BUCKETS,
    enableExemplars: true,
    registers: [registry],
  })
  for (const labels of series) metric.zero(labels)
  return {
    begin: (labels) => metric.zero(labels),
    observe: (labels, value, traceId) =>
      metric.observe(traceId === undefined ? { labels, value } : { labels, value, exemplarLabels: { trace_id: traceId } as never }),
  }
}
