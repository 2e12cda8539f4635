import type { DescMethod, JsonObject, JsonValue, Message } from '@bufbuild/protobuf'
import { fromJson, toBinary } from '@bufbuild/protobuf'
import { newId } from '../services/platform/ids.js'
import { nameOf } from './contracts.js'

/** What requests are made of: the tenant that is named, and rows of it that exist. What is not given does not exist. */
export interface Scene {
  readonly tenantId: string
  readonly collectionId?: string
  readonly recordId?: string
  readonly userId?: string
  readonly roleId?: string
  readonly sessionId?: string
  readonly operationId?: string
}

let count = 0
/** A name that nobody else has. */
export const fresh = (prefix: string): string => `${prefix}-${process.pid}-${++count}`

/** A stale one: what passes every check of the message and of the policy ends at it, and nothing is changed. */
const STALE = 'stale'
const FIELDS = { name: 'new' }

/** Values by field name, for every method that has such a field. */
const common = (scene: Scene): JsonObject => ({
  tenant_id: scene.tenantId,
  user_id: scene.userId ?? newId('usr'),
  role_id: scene.roleId ?? newId('rol'),
  session_id: scene.sessionId ?? newId('ses'),
  collection_id: scene.collectionId ?? newId('col'),
  record_id: scene.recordId ?? fresh('absent'),
  operation_id: scene.operationId ?? newId('op'),
  event_id: newId('evt'),
  etag: STALE,
})

/** Fields of one method, over those by name; `undefined` leaves one out. */
const special: Readonly<Record<string, (scene: Scene) => Readonly<Record<string, JsonValue | undefined>>>> = {
  'tenantry.identity.v1.SessionService/CreateSession': () => ({ slug: 'absent', email: 'nobody@example.test', password: 'not a password' }),
  'tenantry.identity.v1.SessionService/RefreshSession': () => ({ refresh_token: 'A'.repeat(43) }),
  'tenantry.identity.v1.SessionService/ListSessions': () => ({ user_id: undefined }),
  'tenantry.identity.v1.UserService/CreateUser': () => ({ email: `${fresh('u')}@example.test`, display_name: 'Made by a test' }),
  'tenantry.identity.v1.UserService/UpdateUser': () => ({ display_name: 'Changed by a test', update_mask: 'displayName' }),
  'tenantry.identity.v1.UserService/SetPassword': () => ({ new_password: fresh('a long password') }),
  'tenantry.identity.v1.RoleService/CreateRole': () => ({ name: fresh('role'), actions: ['data.record.read'] }),
  'tenantry.identity.v1.RoleService/UpdateRole': () => ({ description: 'Changed by a test', update_mask: 'description' }),
  'tenantry.identity.v1.RoleService/GrantRole': (scene) => ({ subject_id: scene.userId ?? newId('usr'), collection_id: undefined }),
  'tenantry.identity.v1.RoleService/RevokeRole': (scene) => ({ subject_id: scene.userId ?? newId('usr'), collection_id: undefined }),
  'tenantry.tenant.v1.TenantService/CreateTenant': () => ({ slug: fresh('t'), display_name: 'Made by a test' }),
  'tenantry.tenant.v1.TenantService/UpdateTenant': () => ({ display_name: 'Changed by a test', update_mask: 'displayName' }),
  'tenantry.tenant.v1.OperationService/WaitOperation': () => ({ timeout: '0s' }),
  'tenantry.tenant.v1.ProgressService/ReportProgress': () => ({ step: 'keys', percent: 1 }),
  'tenantry.tenancy.v1.TenancyService/PrepareTenant': () => ({ placement: 'pool', tier: 'standard', region: 'local' }),
  'tenantry.data.v1.CollectionService/CreateCollection': () => ({
    name: fresh('collection'),
    fields: [{ name: 'name', type: 'FIELD_TYPE_STRING' }],
  }),
  'tenantry.data.v1.CollectionService/UpdateCollection': () => ({ display_name: 'Changed by a test', update_mask: 'displayName' }),
  'tenantry.data.v1.RecordService/CreateRecord': () => ({ record_id: fresh('record'), fields: FIELDS }),
  'tenantry.data.v1.RecordService/UpdateRecord': () => ({ fields: FIELDS, update_mask: 'fields.name' }),
  'tenantry.data.v1.RecordService/BatchWriteRecords': () => ({ writes: [{ create: { record_id: fresh('record'), fields: FIELDS } }] }),
  'tenantry.data.v1.RecordService/ImportRecords': () => ({ records: [{ record_id: fresh('record'), fields: FIELDS }] }),
  'tenantry.policy.v1.PolicyService/Check': () => ({ question: { action: 'data.record.read', resource_type: 'record' } }),
  'tenantry.policy.v1.PolicyService/BatchCheck': () => ({ questions: [{ action: 'data.record.read', resource_type: 'record' }] }),
}

/** A minimal request of a method, in proto's JSON: valid by its descriptor's rules. */
export const requestJson = (method: DescMethod, scene: Scene, more: JsonObject = {}): JsonObject => {
  const names = new Set(method.input.fields.map(({ name }) => name))
  const given = Object.entries(common(scene)).filter(([name]) => names.has(name))
  const all = { ...Object.fromEntries(given), ...special[nameOf(method)]?.(scene), ...more }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined))
}

export const requestMessage = (method: DescMethod, json: JsonObject): Message => fromJson(method.input, json)
export const requestBytes = (method: DescMethod, json: JsonObject): Uint8Array => toBinary(method.input, requestMessage(method, json))
