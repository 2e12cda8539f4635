import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from './host.js'
import { runService } from './run-service.js'
import type { RunningService } from './run-service.js'
import type { ServiceAssembly } from './service.js'

export interface RunningServices {
  readonly services: readonly RunningService[]
  /** Resolves when all take calls; rejects after `timeoutMs`, naming what is missing. */
  ready(timeoutMs: number): Promise<void>
  /** Gateway, services, relays and journal, audit: each has ended before the next begins. The same promise however often it is called. */
  stop(): Promise<void>
}

const POLL_MS = 25

/** Runs services in this process, on one journal. They start together: none waits for another, each says by its health when it is ready. */
export const runServices = async (host: Host, assemblies: readonly ServiceAssembly[]): Promise<RunningServices> => {
  const started = await Promise.allSettled(assemblies.map((assembly) => runService(host, assembly)))
  const services = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))

  const each = (chosen: readonly RunningService[], end: (service: RunningService) => Promise<void>): Promise<unknown> =>
    Promise.all(
      chosen.map((service) =>
        end(service).catch((error: unknown) => host.log.warn({ err: error, stopping: service.name }, 'did not stop cleanly')),
      ),
    )
  const end = async (): Promise<void> => {
    const edge = services.filter(({ name }) => name === 'gateway')
    const inner = services.filter(({ name }) => name !== 'gateway')
    for (const service of services) service.leave()
    await each(edge, (service) => service.drain())
    await each(inner, (service) => service.drain())
    await each(inner, (service) => service.stopRelay())
    await host.journal.close()
    // Audit last: it takes what the relays have just sent.
    await each(
      services.filter(({ name }) => name !== 'audit'),
      (service) => service.close(),
    )
    await each(
      services.filter(({ name }) => name === 'audit'),
      (service) => service.close(),
    )
    await host.close()
  }
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= end())

  const failed = started.find((result) => result.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  return {
    services,
    stop,
    ready: async (timeoutMs) => {
      const until = performance.now() + timeoutMs
      for (;;) {
        const missing: string[] = []
        for (const { name, checks } of services) {
          const state = await checks()
          for (const [check, there] of Object.entries(state)) if (!there) missing.push(`${name}: ${check}`)
        }
        if (missing.length === 0) return
        if (performance.now() > until) throw new Error(`not ready: ${missing.join(', ')}`)
        await sleep(POLL_MS)
      }
    },
  }
}
