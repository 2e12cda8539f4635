import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { DescField, DescMethod } from '@bufbuild/protobuf'
import { ScalarType, create, toBinary } from '@bufbuild/protobuf'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { newId } from '../platform/ids.js'
import { AppError } from '../platform/mesh/errors.js'
import { createChecks } from '../platform/mesh/validation.js'
import type { IdentityFixture } from './testing.js'
import { identityFixture } from './testing.js'

const checks = createChecks()
const METHODS: DescMethod[] = [SessionService, UserService, RoleService].flatMap((service) => [...service.methods])

const BAD_TEXT: Record<string, string> = {
  empty: '',
  long: 'x'.repeat(5000),
  nul: 'a\0b',
  newline: 'a\nb',
  separator: 'a\u2028b',
  path: '../../etc/passwd',
  sql: "'; drop table pool.users; --",
  'foreign id': newId('usr'),
  'id in capitals': newId('usr').toUpperCase(),
  'id with a tail': `${newId('ten')}x`,
  prototype: '__proto__',
  'right to left': '\u202e@evil.example',
  emoji: '😀@😀',
}

let identity: IdentityFixture
let valid: Record<string, unknown>
beforeAll(async () => {
  identity = await identityFixture()
  const { tenantId } = identity.addTenant('acme')
  const { user } = await identity.call(UserService.method.createUser, { tenantId, email: 'a@example.com' }, identity.operator)
  const { role } = await identity.call(
    RoleService.method.createRole,
    { tenantId, name: 'reader', actions: ['data.record.read'] },
    identity.operator,
  )
  valid = {
    tenantId,
    userId: user!.userId,
    subjectId: user!.userId,
    roleId: role!.roleId,
    sessionId: newId('ses'),
    slug: 'acme',
    email: 'new@example.com',
    password: 'a long enough password',
    newPassword: 'a long enough password',
    currentPassword: '',
    displayName: 'Name',
    description: 'Text',
    name: 'other',
    actions: ['data.record.read'],
    refreshToken: `${newId('ses')}.${'x'.repeat(43)}`,
    updateMask: { paths: ['display_name'] },
  }
})
afterAll(() => identity.close())

const requestOf = (method: DescMethod, over: Record<string, unknown> = {}) => {
  const known = method.input.fields.filter(({ localName }) => localName in valid).map(({ localName }) => [localName, valid[localName]])
  const request = { ...Object.fromEntries(known), ...over }
  if (method.name === 'UpdateRole' && !('updateMask' in over)) request['updateMask'] = { paths: ['description'] }
  return request
}

const bend = (field: DescField, text: string): unknown =>
  field.fieldKind === 'list' ? [text] : field.fieldKind === 'message' ? { paths: [text] } : text

const fieldsOf = (method: DescMethod): DescField[] =>
  method.input.fields.filter((field) => (field.fieldKind === 'scalar' ? field.scalar === ScalarType.STRING : field.fieldKind !== 'enum'))

const counted = async (): Promise<unknown> =>
  identity.database.query(
    `select (select count(*) from pool.users) u, (select count(*) from pool.roles) r, (select count(*) from pool.grants) g, (select count(*) from pool.sessions) s,
            (select count(*) from platform.outbox) o`,
  )

describe.each(METHODS.map((method) => [method.name, method] as const))('%s with bad input', (_name, method) => {
  it('refuses it by name of field, or with the specific code, and writes nothing then', async () => {
    const check = checks(method.input)
    for (const field of fieldsOf(method)) {
      for (const [kind, text] of Object.entries(BAD_TEXT)) {
        const request = create(method.input, requestOf(method, { [field.localName]: bend(field, text) }) as never)
        const before = await counted()
        const where = `${method.name}.${field.name} ${kind}`
        try {
          check(toBinary(method.input, request))
          await identity.call(method as never, request as never, identity.operator)
        } catch (error) {
          if (!(error instanceof AppError) || error.reason === 'INTERNAL') throw new Error(where, { cause: error })
          if (error.reason === 'INVALID_FIELD')
            expect([where, error.violations[0]!.field]).toEqual([where, expect.stringMatching(new RegExp(`^${field.name}`))])
          // The value itself is nowhere in what is told.
          if (text.length > 8) expect(JSON.stringify([error.message, error.violations, error.metadata])).not.toContain(text)
          expect([where, await counted()]).toEqual([where, before])
        }
      }
    }
  })
})
