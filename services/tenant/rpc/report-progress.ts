import type { ProgressService as Contract } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { TenantDeps } from '../deps.js'
import { acrossTenants } from '../deps.js'
import { selectOperationById } from '../store/select-operation.js'
import { updateStep } from '../store/update-operation.js'

/** What another service says of its part of long work. A step only moves forward; one that is unknown or over changes nothing. */
export const reportProgress =
  ({ db }: TenantDeps): Rpc<typeof Contract.method.reportProgress> =>
  async (request, call) => {
    const context = acrossTenants(call)
    const [[operation]] = await db.run(context, selectOperationById(request.operationId))
    if (!operation) throw notFound('operation')
    await db.run(context, updateStep(operation.tenant_id, operation.operation_id, request.step, Math.min(request.percent, 99)))
    return {}
  }
