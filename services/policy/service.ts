import type { DescService } from '@bufbuild/protobuf'
import { PolicyService } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { EDGE_ACTIONS } from './actions.js'
import type { MeshMethod } from '../platform/mesh/method.js'
import { meshMethod } from '../platform/mesh/method.js'
import type { Route } from '../platform/mesh/rpc.js'
import { routes } from '../platform/mesh/rpc.js'
import type { PolicyDeps } from './deps.js'
import { batchCheck } from './rpc/batch-check.js'
import { check } from './rpc/check.js'
import { getBundle } from './rpc/get-bundle.js'
import { listRevisions } from './rpc/list-revisions.js'

export interface PolicyComponent {
  readonly routes: readonly Route[]
  ready(): Promise<boolean>
  close(): Promise<void>
}

/** The policy service: the active bundle, and decisions for those that can't embed the decision point. */
export const openPolicyService = (deps: Omit<PolicyDeps, 'methodOf'>): PolicyComponent => {
  const methods = methodsByAction(EDGE_ACTIONS)
  const all: PolicyDeps = { ...deps, methodOf: (action) => methods.get(action) }
  return {
    routes: routes(PolicyService, {
      check: check(all),
      batchCheck: batchCheck(all),
      listRevisions: listRevisions(all),
      getBundle: getBundle(all),
    }),
    ready: () => Promise.resolve(deps.active() !== undefined),
    close: () => Promise.resolve(),
  }
}

/** The first method that asks for each action. */
export const methodsByAction = (services: readonly DescService[]): Map<string, MeshMethod> => {
  const methods = new Map<string, MeshMethod>()
  for (const service of services) {
    for (const desc of service.methods) {
      const method = meshMethod(desc)
      if (!methods.has(method.option.action)) methods.set(method.option.action, method)
    }
  }
  return methods
}
