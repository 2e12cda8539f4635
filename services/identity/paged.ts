import type { PageTokens } from '../platform/keys/page-token.js'
import type { Call } from '../platform/mesh/call.js'

const DEFAULT_SIZE = 50

export interface Page {
  /** Where the page begins, in the list's own form; undefined: at the start. */
  readonly after: string | undefined
  /** Rows to read: one more than the page has, which tells whether another follows. */
  readonly limit: number
  /** The page of the rows read, and the token of the next one, which begins after the last row of this. */
  of<Row>(rows: readonly Row[], place: (row: Row) => string): { items: Row[]; nextPageToken: string }
}

/** One page of a list, for the caller and filter that its token is bound to. Throws INVALID_PAGE_TOKEN. */
export const paged = (
  tokens: PageTokens,
  call: Pick<Call, 'method' | 'tenant' | 'subject' | 'workload'>,
  request: { readonly pageSize: number; readonly pageToken: string },
  { filter = '' }: { readonly filter?: string } = {},
): Page => {
  const binding = {
    method: call.method.name,
    tenant: call.tenant,
    subject: call.subject?.id ?? call.workload.spiffeId,
    filter,
    order: '',
  }
  const size = request.pageSize || DEFAULT_SIZE
  return {
    after: request.pageToken === '' ? undefined : tokens.open(binding, request.pageToken),
    limit: size + 1,
    of: (rows, place) => {
      const items = rows.slice(0, size)
      const last = items.at(-1)
      return { items, nextPageToken: rows.length > size && last !== undefined ? tokens.seal(binding, place(last)) : '' }
    },
  }
}
