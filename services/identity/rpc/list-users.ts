import type { UserService as Contract } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { FieldSpec } from '../../platform/query/filter.js'
import { parseFilter, toSql } from '../../platform/query/filter.js'
import type { IdentityDeps } from '../deps.js'
import { toUser } from '../map.js'
import { emailKey } from '../normalize.js'
import { paged } from '../paged.js'
import { FIRST_FILTER_PARAMETER, listUsers as statement } from '../store/list-users.js'

const FIELDS: Readonly<Record<string, FieldSpec>> = {
  status: { type: 'enum', values: ['active', 'suspended'] },
  email: { type: 'string', encode: emailKey },
}
const COLUMNS = { status: 'status', email: 'email_key' }

/** The tenant's users, oldest first; `email` is compared in its normal form. */
export const listUsers =
  ({ db, pageTokens }: IdentityDeps): Rpc<typeof Contract.method.listUsers> =>
  async (request, call) => {
    const filter = toSql(parseFilter(request.filter, FIELDS), COLUMNS, FIRST_FILTER_PARAMETER)
    const page = paged(pageTokens, call, request, { filter: request.filter })
    const [rows] = await db.run(call, statement(request.tenantId, page.after ?? '', page.limit, filter))
    const { items, nextPageToken } = page.of(rows, (row) => row.user_id)
    return { users: items.map(toUser), nextPageToken }
  }
