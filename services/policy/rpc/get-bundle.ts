import type { PolicyService as Contract } from '../../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { AppError, notFound } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { PolicyDeps } from '../deps.js'
import { toRevision } from '../revision.js'

export const getBundle =
  ({ active }: PolicyDeps): Rpc<typeof Contract.method.getBundle> =>
  (request) => {
    const found = active()
    if (!found) throw new AppError('POLICY_UNAVAILABLE', 'no bundle is in force')
    if (request.revision !== 0n && request.revision !== found.bundle.revision) throw notFound('revision')
    const { wasm, data, manifest } = found.bundle
    return Promise.resolve({ revision: toRevision(found), wasm, data: Buffer.from(data), manifest })
  }
