import type { Statement } from '../../platform/postgres/statement.js'
import { parameters } from './parameters.js'
import { COLLECTION_COLUMNS } from './rows.js'
import type { CollectionRow } from './rows.js'
import { toSql } from '../../platform/query/filter.js'
import type { Expr } from '../../platform/query/filter.js'
import { shapeName } from './shape-name.js'

/** The collections after a name, in the order of names; one more than asked for, which tells whether there is a next page. */
export const listCollections = (tenantId: string, filter: Expr, after: string, limit: number): Statement<CollectionRow> => {
  const bound = parameters(tenantId, after, limit + 1)
  const where = bound.add((first) => toSql(filter, { name: 'name' }, first))
  const text = `select ${COLLECTION_COLUMNS} from @.collection where tenant_id = $1 and name > $2 and ${where} order by name limit $3`
  return { name: shapeName('list-collections', text), text, values: bound.values, rows: 'any' }
}
