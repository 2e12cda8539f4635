import type { JsonObject } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { Classification, CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RefreshSessionResponseSchema } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Platform } from '../platform.js'
import type { Scene } from '../requests.js'
import { fresh } from '../requests.js'
import type { Outcome } from '../wire.js'
import type { Caller, Cast } from './callers.js'

/** What a row's requests say beyond the method's minimal one, so that it is authorization that decides. */
export interface Requests {
  sceneOf(caller: Caller): Scene
  /** By row. */
  more(row: string, caller: Caller): JsonObject
  /** Told of every answer of a row. */
  answered(row: string, outcome: Outcome): void
}

/** Rows of the tenant that requests name, and people that nobody else plays with. */
export const prepareScenes = async (platform: Platform, { own }: Cast): Promise<Requests> => {
  const { tenantId, slug } = own
  const person = async () => {
    const email = `${fresh('person')}@${slug}.test`
    const password = fresh('a long password')
    await platform.operator.edge.client(UserService).createUser({ tenantId, email, password })
    return platform.logIn(slug, email, password)
  }
  const [victim, guest] = await Promise.all([person(), person()])
  const { edge } = own.seats.admin
  const { collection } = await edge.client(CollectionService).createCollection({
    tenantId,
    name: 'things',
    fields: [
      { name: 'name', type: FieldType.STRING, classification: Classification.INTERNAL },
      { name: 'secret', type: FieldType.STRING, classification: Classification.CONFIDENTIAL },
    ],
  })
  const { collectionId } = collection!
  await edge.client(RecordService).createRecord({ tenantId, collectionId, recordId: 'plain', fields: { name: 'n' } })
  await edge.client(RecordService).createRecord({ tenantId, collectionId, recordId: 'secret', fields: { name: 'n', secret: 's' } })

  const question = (subjectId: string) => ({ subject_id: subjectId, action: 'data.record.read', resource_type: 'record' })
  let refresh = guest.refreshToken
  const rows: Readonly<Record<string, (caller: Caller) => JsonObject>> = {
    'SessionService/CreateSession': () => ({ slug, email: guest.email, password: guest.password }),
    'SessionService/RefreshSession': () => ({ tenant_id: tenantId, refresh_token: refresh }),
    'TenantService/CreateTenant': () => ({ slug }),
    // Who is no subject must say about whom it asks.
    'PolicyService/Check': ({ seat }) => ({ question: question(seat ? '' : victim.userId) }),
    'PolicyService/BatchCheck': ({ seat }) => ({ questions: [question(seat ? '' : victim.userId)] }),
    'SessionService/RevokeSession': () => ({ session_id: victim.sessionId }),
    // A session of the caller's own that is no more: revoking it again changes nothing.
    'SessionService/RevokeSession#own': (caller) => ({ session_id: ended.get(caller.seat?.userId ?? '') ?? victim.sessionId }),
    'SessionService/ListSessions#other': () => ({ user_id: victim.userId }),
    'UserService/GetUser': () => ({ user_id: victim.userId }),
    'UserService/GetUser#self': (caller) => ({ user_id: caller.seat?.userId ?? victim.userId }),
    'UserService/SetPassword': () => ({ user_id: victim.userId }),
    'RoleService/ListGrants#self': (caller) => ({ subject_id: caller.seat?.userId ?? victim.userId }),
    'RecordService/GetRecord#confidential': () => ({ record_id: 'secret' }),
    'RecordService/UpdateRecord#confidential': () => ({ record_id: 'secret' }),
    'RecordService/DeleteRecord#confidential': () => ({ record_id: 'secret' }),
    'PolicyService/Check#other': () => ({ question: question(victim.userId) }),
    'AuditService/ListEvents#full': () => ({ view: 'VIEW_FULL' }),
  }
  const ended = new Map<string, string>()
  for (const seat of Object.values(own.seats)) {
    const again = await platform.logIn(seat.slug, seat.email, seat.password)
    ended.set(seat.userId, again.sessionId)
  }
  return {
    sceneOf: ({ tenant }) =>
      tenant === own ? { tenantId, collectionId, recordId: 'plain', operationId: own.operationId } : { tenantId: tenant.tenantId },
    more: (row, caller) => {
      const more = rows[row.split('.').slice(3).join('.')]?.(caller) ?? {}
      return row.includes('CreateRecord') ? { ...more, record_id: fresh('record') } : more
    },
    answered: (row, { code, messages }) => {
      if (row.endsWith('/RefreshSession') && code === 0)
        refresh = fromBinary(RefreshSessionResponseSchema, messages[0]!).tokens!.refreshToken
    },
  }
}
