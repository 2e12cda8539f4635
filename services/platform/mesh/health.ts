import type { DescMethod, Message } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { Caller, MethodAuthorizationSchema } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { Authorizer, RecordedDecision } from './authorizer.js'
import type { Call } from './call.js'
import { describeFile, field } from './descriptors.js'
import { AppError } from './errors.js'
import type { MeshMethod } from './method.js'
import type { Route } from './rpc.js'

/** A method outside of our contracts: no request path says anything about a tenant. */
export const foreignMethod = (desc: DescMethod, action: string, resourceType: string): MeshMethod => {
  const name = `${desc.parent.typeName}/${desc.name}`
  return {
    desc,
    name,
    path: `/${name}`,
    option: create(MethodAuthorizationSchema, { action, resourceType, callers: [Caller.WORKLOAD] }),
    sideEffects: 'none',
    tenantOf: () => undefined,
    resourceOf: () => '',
    attributesOf: () => ({}),
  }
}

/** An authorizer that asks one question about the peer. */
export const peerAuthorizer = (allows: (call: Call) => boolean): Authorizer => {
  const decide = (_method: MeshMethod, _request: Message, call: Call): RecordedDecision => {
    const allow = allows(call)
    return { allow, reason: allow ? '' : 'WORKLOAD_NOT_ALLOWED', obligations: undefined, revision: 0n, cached: false, facts: {} }
  }
  return { decide, decideWithRow: decide }
}

const HEALTH = describeFile({
  name: 'grpc/health/v1/health.proto',
  package: 'grpc.health.v1',
  messages: {
    HealthCheckRequest: { fields: [field('service', 1, 'string')] },
    HealthCheckResponse: { fields: [field('status', 1, 'ServingStatus')] },
  },
  enums: { ServingStatus: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
  service: 'Health',
  methods: {
    Check: { input: 'HealthCheckRequest', output: 'HealthCheckResponse' },
    Watch: { input: 'HealthCheckRequest', output: 'HealthCheckResponse', streams: 'out' },
  },
})

type Status = 1 | 2 | 3
const SERVING: Status = 1
const NOT_SERVING: Status = 2
const SERVICE_UNKNOWN: Status = 3

export interface Health {
  readonly routes: readonly (Omit<Route, 'method'> & { readonly method: MeshMethod })[]
  /** As of the last look. */
  readonly serving: boolean
  /** Looks again now. */
  look(): Promise<void>
  /** NOT_SERVING from here on, and told to whoever watches: before a drain. */
  leave(): void
  close(): void
}

export interface HealthOptions {
  /** Names of the services that are served; the empty name stands for all. */
  readonly services: readonly string[]
  ready(): boolean | Promise<boolean>
  readonly everyMs?: number
}

/** `grpc.health.v1`, following a readiness function: looked at regularly, changes pushed to whoever watches. A readiness that throws is not ready. */
export const createHealth = ({ services, ready, everyMs = 500 }: HealthOptions): Health => {
  const known = new Set(['', ...services])
  const watchers = new Set<() => void>()
  let serving = false
  let left = false
  const set = (next: boolean) => {
    if (next === serving) return
    serving = next
    for (const wake of watchers) wake()
  }
  const look = async () => {
    let now = false
    try {
      now = await ready()
    } catch {
      // Not ready.
    }
    set(now && !left)
  }
  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  const statusOf = (service: string): Status => (!known.has(service) ? SERVICE_UNKNOWN : serving ? SERVING : NOT_SERVING)
  const nameOf = (request: unknown) => (request as { service: string }).service

  const check = (request: unknown) => {
    const status = statusOf(nameOf(request))
    if (status === SERVICE_UNKNOWN) return Promise.reject(new AppError('NOT_FOUND', 'service not found'))
    return Promise.resolve({ status })
  }
  async function* watch(request: unknown, call: Call) {
    let told: Status | undefined
    while (!call.deadline.signal.aborted) {
      const status = statusOf(nameOf(request))
      if (status !== told) yield { status }
      told = status
      if (statusOf(nameOf(request)) !== told) continue
      await new Promise<void>((resolve) => {
        const wake = () => {
          watchers.delete(wake)
          call.deadline.signal.removeEventListener('abort', wake)
          resolve()
        }
        watchers.add(wake)
        call.deadline.signal.addEventListener('abort', wake)
        if (call.deadline.signal.aborted) wake()
      })
    }
  }
  const rpcs: Record<string, unknown> = { Check: check, Watch: watch }
  return {
    routes: HEALTH.services[0]!.methods.map((desc) => ({
      method: foreignMethod(desc, 'platform.health.check', 'health'),
      rpc: rpcs[desc.name] as Route['rpc'],
    })),
    get serving() {
      return serving
    },
    look,
    leave() {
      left = true
      set(false)
    },
    close: () => clearInterval(timer),
  }
}
