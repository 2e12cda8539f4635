import { AppError } from '../platform/mesh/errors.js'

/** The etag of a version. Versions of one id are dense and never start over, so the number says it all; clients take it as opaque. */
export const etagOf = (version: bigint): string => `v${version}`

/** Throws ABORTED, ETAG_MISMATCH, when a caller's etag is not that of the stored version; an empty one asks for nothing. */
export const checkEtag = (etag: string, version: bigint): void => {
  if (etag !== '' && etag !== etagOf(version)) throw etagMismatch()
}

export const etagMismatch = (): AppError => new AppError('ETAG_MISMATCH', 'etag: the resource has changed since; read it again')
