import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { GrantSchema, RoleSchema } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { SessionSchema } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserStatus } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { UserSchema } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { AppError } from '../platform/mesh/errors.js'
import type { GrantRow, RoleRow, SessionRow, UserRow } from './store/rows.js'

/** An entity's version, as its etag. */
const etagOf = (row: { readonly version: bigint }): string => String(row.version)

export const toUser = (row: UserRow): MessageInitShape<typeof UserSchema> => ({
  userId: row.user_id,
  tenantId: row.tenant_id,
  email: row.email ?? '',
  displayName: row.display_name,
  status: row.status === 'active' ? UserStatus.ACTIVE : UserStatus.SUSPENDED,
  createTime: timestampFromDate(row.create_time),
  updateTime: timestampFromDate(row.update_time),
  etag: etagOf(row),
})

export const toRole = (row: RoleRow): MessageInitShape<typeof RoleSchema> => ({
  roleId: row.role_id,
  tenantId: row.tenant_id,
  name: row.name,
  description: row.description,
  actions: row.actions,
  builtIn: row.built_in,
  createTime: timestampFromDate(row.create_time),
  updateTime: timestampFromDate(row.update_time),
  etag: etagOf(row),
})

export const toGrant = (row: GrantRow): MessageInitShape<typeof GrantSchema> => ({
  roleId: row.role_id,
  subjectId: row.user_id,
  collectionId: row.collection_id,
  createTime: timestampFromDate(row.create_time),
})

export const toSession = (row: SessionRow): MessageInitShape<typeof SessionSchema> => ({
  sessionId: row.session_id,
  tenantId: row.tenant_id,
  userId: row.user_id,
  createTime: timestampFromDate(row.create_time),
  lastUsedTime: timestampFromDate(row.last_used_time),
  expireTime: timestampFromDate(row.expire_time),
})

/** Refuses an etag that is not the row's; an empty one means any. After authorization only: it tells that the row exists. */
export const checkEtag = (etag: string, row: { readonly version: bigint }): void => {
  if (etag !== '' && etag !== etagOf(row)) throw new AppError('ETAG_MISMATCH', 'etag: the resource has changed since')
}
