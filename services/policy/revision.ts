import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { RevisionSchema } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { sha256 } from '../platform/policy/bundle.js'
import type { ActiveBundle } from './deps.js'

/** The revision in force. The bundle of a release is UNLOGGED: no transparency log has taken it yet. */
export const toRevision = ({ bundle, activated }: ActiveBundle): MessageInitShape<typeof RevisionSchema> => {
  const listed = Object.entries(bundle.sources).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    revision: bundle.revision,
    wasmSha256: bundle.wasmSha256,
    dataSha256: bundle.dataSha256,
    sourcesSha256: sha256(Buffer.from(listed.map(([path, hash]) => `${hash}  ${path}\n`).join(''))),
    active: true,
    provenance: 'UNLOGGED',
    activateTime: timestampFromDate(activated),
  }
}
