import type { OperationService as Contract } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { TenantDeps } from '../deps.js'
import { readOperation } from '../read-operation.js'

export const getOperation =
  (deps: TenantDeps): Rpc<typeof Contract.method.getOperation> =>
  async (request, call) => ({ operation: await readOperation(deps, call, request.tenantId, request.operationId) })
