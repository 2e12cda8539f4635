import { FactService } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { OperationService, ProgressService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { FactOwner } from '../platform/facts/fact-owner.js'
import type { Route } from '../platform/mesh/rpc.js'
import { routes } from '../platform/mesh/rpc.js'
import type { TenantDeps } from './deps.js'
import { startProvisioner } from './provision.js'
import { createTenant } from './rpc/create-tenant.js'
import { getOperation } from './rpc/get-operation.js'
import { getTenant } from './rpc/get-tenant.js'
import { listOperations } from './rpc/list-operations.js'
import { listTenants } from './rpc/list-tenants.js'
import { renew } from './rpc/renew.js'
import { reportProgress } from './rpc/report-progress.js'
import { resumeTenant } from './rpc/resume-tenant.js'
import { suspendTenant } from './rpc/suspend-tenant.js'
import { updateTenant } from './rpc/update-tenant.js'
import { waitOperation } from './rpc/wait-operation.js'

export interface TenantComponent {
  readonly routes: readonly Route[]
  ready(): Promise<boolean>
  close(): Promise<void>
}

/** The tenant service: lifecycle, operations, and the facts of tenants. Its provisioner carries unfinished work on from the first moment. */
export const openTenantService = (named: Omit<TenantDeps, 'wake'> & { factOwner: FactOwner }): TenantComponent => {
  const deps: TenantDeps = { ...named, wake: () => provisioner.wake() }
  const provisioner = startProvisioner(deps)
  return {
    routes: [
      ...routes(TenantService, {
        createTenant: createTenant(deps),
        getTenant: getTenant(deps),
        listTenants: listTenants(deps),
        updateTenant: updateTenant(deps),
        suspendTenant: suspendTenant(deps),
        resumeTenant: resumeTenant(deps),
      }),
      ...routes(OperationService, {
        getOperation: getOperation(deps),
        listOperations: listOperations(deps),
        waitOperation: waitOperation(deps),
      }),
      ...routes(ProgressService, { reportProgress: reportProgress(deps) }),
      ...routes(FactService, { renew: renew(named.factOwner) }),
    ],
    ready: () => deps.db.ready(),
    close: () => provisioner.close(),
  }
}
