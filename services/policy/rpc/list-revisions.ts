import type { PolicyService as Contract } from '../../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { PolicyDeps } from '../deps.js'
import { toRevision } from '../revision.js'

/** Until bundles are published there is one: the release's own. */
export const listRevisions =
  ({ active, pageTokens }: PolicyDeps): Rpc<typeof Contract.method.listRevisions> =>
  (request, call) => {
    const bundle = active()
    if (!bundle) throw new AppError('POLICY_UNAVAILABLE', 'no bundle is in force')
    const subject = call.subject?.id ?? call.workload.spiffeId
    if (request.pageToken)
      pageTokens.open({ method: call.method.name, tenant: call.tenant, subject, filter: '', order: '' }, request.pageToken)
    return Promise.resolve({ revisions: request.pageToken ? [] : [toRevision(bundle)] })
  }
