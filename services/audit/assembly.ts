import type { ServiceAssembly } from '../platform/runtime/service.js'
import { counter, gauge } from '../platform/telemetry/metrics.js'
import { createAuditService } from './service.js'

/** The audit service, from its runtime. */
export const audit: ServiceAssembly = {
  name: 'audit',
  migrations: new URL('./migrations/', import.meta.url),
  open: async (runtime) => {
    const { registry } = runtime
    const messages = counter(
      registry,
      'tenantry_audit_messages',
      'Messages of the event log, by what became of them',
      ['outcome'],
      [{ outcome: 'appended' }, { outcome: 'repeated' }, { outcome: 'set_aside' }],
    )
    const service = await createAuditService({
      db: runtime.database(),
      eventLog: runtime.eventLog,
      keyStore: await runtime.keyStore(),
      opener: await runtime.opener(),
      pageTokens: runtime.pageTokens,
      tracer: runtime.tracer,
      log: runtime.log,
      metrics: {
        appended: (leaves) => messages.inc({ outcome: 'appended' }, leaves),
        repeated: (count) => messages.inc({ outcome: 'repeated' }, count),
        setAside: (count) => messages.inc({ outcome: 'set_aside' }, count),
      },
    })
    gauge(registry, 'tenantry_audit_lag', 'Messages that wait to be appended', async () => Number(await service.lag()))
    return { routes: service.routes, checks: async () => ({ audit: await service.ready() }), close: () => service.close() }
  },
}
