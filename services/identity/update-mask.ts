import type { FieldMask } from '@bufbuild/protobuf/wkt'
import { invalidField } from '../platform/mesh/errors.js'

/** The fields that an update is to change (AIP-134, without `*`): at least one, and none but these. */
export const checkMask = <F extends string>(mask: FieldMask | undefined, allowed: readonly F[]): ReadonlySet<F> => {
  const paths = mask?.paths ?? []
  const known = paths.filter((path): path is F => (allowed as readonly string[]).includes(path))
  if (known.length === 0 || known.length < paths.length) throw invalidField('update_mask', `must name one or more of ${allowed.join(', ')}`)
  return new Set(known)
}
