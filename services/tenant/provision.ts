import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { PrepareTenantRequest, PrepareTenantResponse } from '../../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { status as Code } from '@grpc/grpc-js'
import { PLATFORM_TENANT } from '../platform/ids.js'
import { AppError } from '../platform/mesh/errors.js'
import { emitting } from '../platform/postgres/emitting.js'
import type { SystemCall } from '../platform/postgres/system-call.js'
import { systemCall } from '../platform/postgres/system-call.js'
import type { TenantDeps } from './deps.js'
import { operationEvent, tenantEvent } from './events.js'
import { claimOperation } from './store/claim-operation.js'
import type { OperationRow, TenantRow } from './store/rows.js'
import { selectTenant } from './store/select-tenant.js'
import { finishOperation, releaseOperation, updateStep } from './store/update-operation.js'
import { updatePublicKey, updateStatus } from './store/update-tenant.js'

/** One service's part of a new tenant, over the mesh: idempotent by operation and by tenant. */
export type PrepareTenant = (
  request: Omit<PrepareTenantRequest, '$typeName' | '$unknown'>,
  signal: AbortSignal,
) => Promise<PrepareTenantResponse>

/** How long a replica holds an operation that it works on; a crash gives it back after that. */
const CLAIM_SECONDS = 30
const IDLE_MS = 1000
const RETRY_SECONDS = [0.2, 0.5, 1, 2, 5, 10, 30]

/** Errors after which trying again can help. */
const TRANSIENT: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.ABORTED,
  Code.CANCELLED,
  Code.RESOURCE_EXHAUSTED,
  Code.UNKNOWN,
])

export interface Provisioner {
  /** Looks for work at once: a tenant was just created. */
  wake(): void
  close(): Promise<void>
}

/**
 * Carries unfinished operations on, step by step, until they are done: each step is idempotent and recorded when it is over, so a crash anywhere
 * goes on with the same step, in this process or another.
 */
export const startProvisioner = (deps: TenantDeps): Provisioner => {
  const stop = new AbortController()
  let wakeUp: () => void = () => {}
  const pause = (): Promise<void> => {
    const woken = new Promise<void>((resolve) => {
      wakeUp = resolve
    })
    return Promise.race([woken, sleep(IDLE_MS, undefined, { signal: stop.signal }).catch(() => {})])
  }
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const worked = await runOne(deps, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) deps.log.warn({ err: error }, 'provisioning: the database did not answer')
        return false
      })
      if (!worked) await pause()
    }
  }
  const running = loop()
  return {
    wake: () => wakeUp(),
    close: async () => {
      stop.abort()
      wakeUp()
      await running
    },
  }
}

/** Works on one operation; false when there is none. */
export const runOne = async (deps: TenantDeps, signal: AbortSignal): Promise<boolean> => {
  const across = systemCall({ tenant: PLATFORM_TENANT, purpose: 'platform', timeoutMs: 10_000 })
  const [[operation]] = await deps.db.run(across, claimOperation(CLAIM_SECONDS))
  if (!operation) return false
  try {
    await provision(deps, operation, signal)
  } catch (error) {
    if (signal.aborted) return false
    await settle(deps, operation, error, deps.log)
  }
  return true
}

const provision = async (deps: TenantDeps, operation: OperationRow, signal: AbortSignal): Promise<void> => {
  const { tenant_id: tenantId, operation_id: operationId } = operation
  for (const { step, prepare } of deps.prepare) {
    if (operation.steps.find((done) => done.name === step)?.done) continue
    const tenant = await readTenant(deps, tenantId)
    const answer = await prepare(
      {
        tenantId,
        operationId,
        placement: tenant.placement,
        tier: tenant.tier,
        region: tenant.region,
        initiator: operation.initiator,
        publicKey: tenant.public_key ?? new Uint8Array(),
        publicKeyId: tenant.public_key_id ?? '',
      },
      signal,
    )
    const call = workerCall(deps, tenantId)
    const done = updateStep(tenantId, operationId, step, 100)
    if (answer.publicKey.length === 0) await deps.db.run(call, done)
    else {
      const event = deps.seal(tenantEvent('prepared', tenantId, ['public_key', 'public_key_id']), call)
      await deps.db.run(call, emitting(updatePublicKey(tenantId, answer.publicKey, answer.publicKeyId), event, call), done)
    }
  }
  const call = workerCall(deps, tenantId)
  const tenant = await readTenant(deps, tenantId)
  await deps.db.run(
    call,
    emitting(
      updateStatus(tenantId, BigInt(tenant.version), 'active'),
      deps.seal(tenantEvent('provisioned', tenantId, ['status']), call),
      call,
    ),
    emitting(finishOperation(tenantId, operationId), deps.seal(operationEvent('finished', tenantId, operationId), call), call),
  )
}

const readTenant = async (deps: TenantDeps, tenantId: string): Promise<TenantRow> => {
  const [[tenant]] = await deps.db.run(workerCall(deps, tenantId), selectTenant(tenantId))
  if (!tenant) throw new AppError('NOT_FOUND', 'tenant not found')
  return tenant
}

/** What went wrong can pass: the operation is tried again, later each time. Else it ends with the error. */
const settle = async (deps: TenantDeps, operation: OperationRow, error: unknown, log: Logger): Promise<void> => {
  const { tenant_id: tenantId, operation_id: operationId } = operation
  const call = workerCall(deps, tenantId)
  const known = error instanceof AppError ? error : undefined
  if (!known || TRANSIENT.has(known.code)) {
    const seconds = RETRY_SECONDS[Math.min(operation.attempts, RETRY_SECONDS.length) - 1] ?? RETRY_SECONDS[0]!
    log.warn({ err: error, operationId, tenantId, seconds }, 'provisioning: a step failed and will be tried again')
    await deps.db.run(call, releaseOperation(tenantId, operationId, seconds))
    return
  }
  log.error({ err: error, operationId, tenantId }, 'provisioning: a step was refused')
  const event = deps.seal(operationEvent('failed', tenantId, operationId), call)
  await deps.db.run(call, emitting(finishOperation(tenantId, operationId, { reason: known.reason, message: known.message }), event, call))
}

/** A context of the tenant for work that no call waits for: the service itself acts. */
const workerCall = (deps: TenantDeps, tenantId: string): SystemCall =>
  systemCall({ tenant: tenantId, timeoutMs: 10_000, workload: deps.self, region: deps.region })
