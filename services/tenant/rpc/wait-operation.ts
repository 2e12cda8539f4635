import { setTimeout as sleep } from 'node:timers/promises'
import { durationMs } from '@bufbuild/protobuf/wkt'
import type { OperationService as Contract } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { TenantDeps } from '../deps.js'
import { readOperation } from '../read-operation.js'

const DEFAULT_MS = 10_000
const POLL_MS = 100
/** Left of the call's deadline for the answer itself. */
const MARGIN_MS = 200

/** Answers when the operation is done or the time is over, with the operation as it then is. */
export const waitOperation =
  (deps: TenantDeps): Rpc<typeof Contract.method.waitOperation> =>
  async (request, call) => {
    const timeout = request.timeout ? durationMs(request.timeout) : DEFAULT_MS
    const until = performance.now() + Math.min(timeout, Math.max(0, call.deadline.remaining() - MARGIN_MS))
    for (;;) {
      const operation = await readOperation(deps, call, request.tenantId, request.operationId)
      if (operation.done || performance.now() + POLL_MS > until) return { operation }
      await sleep(POLL_MS, undefined, { signal: call.deadline.signal })
    }
  }
