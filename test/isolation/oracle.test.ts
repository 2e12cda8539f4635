import type { DescMethod, JsonObject } from '@bufbuild/protobuf'
import { toJsonString } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { newId } from '../../services/platform/ids.js'
import { EDGE_METHODS, nameOf, optionOf, serversOf } from '../contracts.js'
import type { Platform, Seat, Tenant } from '../platform.js'
import { startPlatform } from '../platform.js'
import type { Scene } from '../requests.js'
import { requestBytes, requestJson, requestMessage } from '../requests.js'
import { callGrpc, decided, postJson } from '../wire.js'
import { grpcFace, jsonFace } from './same-answer.js'

/** Rows of a tenant, of every kind that a request can name. */
type Rows = Required<Scene> & { readonly eventId: string }

/** An id of that kind that nobody has, as long as the one that somebody has. */
const ABSENT: Readonly<Record<string, (rows: Rows) => string>> = {
  user_id: () => newId('usr'),
  subject_id: () => newId('usr'),
  role_id: () => newId('rol'),
  session_id: () => newId('ses'),
  collection_id: () => newId('col'),
  record_id: () => 'absent',
  operation_id: () => newId('op'),
  event_id: (rows) => rows.eventId.replace(/^evt_.*/, newId('evt')).replace(/\/\d+$/, '/999999'),
}
/** Ids that these methods take as they come: a new record's own, and a grant's collection, which identity does not know. Nothing is looked up. */
const TAKEN_AS_GIVEN = new Set(['CreateRecord record_id', 'GrantRole collection_id', 'RevokeRole collection_id'])
const rowsField = (name: string): keyof Rows =>
  (name === 'subject_id' ? 'userId' : name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())) as keyof Rows

/** Two requests that must be answered alike. */
interface Pair {
  readonly what: string
  readonly method: DescMethod
  readonly there: JsonObject
  readonly absent: JsonObject
}

/** threats 49 */
describe('existence oracle', () => {
  let platform: Platform
  let own: Tenant
  let rows: Rows
  let theirs: Rows

  const furnish = async ({ tenantId, seats: { admin }, operationId }: Tenant, recordId: string): Promise<Rows> => {
    const fields = [{ name: 'name', type: FieldType.STRING }]
    const { collection } = await admin.edge.client(CollectionService).createCollection({ tenantId, name: 'things', fields })
    const { collectionId } = collection!
    await admin.edge.client(RecordService).createRecord({ tenantId, collectionId, recordId, fields: { name: 'n' } })
    const { role } = await admin.edge.client(RoleService).createRole({ tenantId, name: 'reader', actions: ['data.record.read'] })
    let eventId: string | undefined
    for (let left = 100; eventId === undefined; left--) {
      const { entries } = await admin.edge.client(AuditService).listEvents({ tenantId, pageSize: 1 })
      eventId = entries[0]?.entryId
      if (left === 0) throw new Error('the audit log stays empty')
    }
    const { userId, sessionId } = admin
    return { tenantId, collectionId, recordId, userId, roleId: role!.roleId, sessionId, operationId, eventId }
  }

  beforeAll(async () => {
    platform = await startPlatform()
    const [mine, other] = await Promise.all([
      platform.onboard('own', undefined, ['viewer', 'none']),
      platform.onboard('other', undefined, []),
    ])
    own = mine
    ;[rows, theirs] = await Promise.all([furnish(mine, 'record'), furnish(other, 'theirs')])
  }, 120_000)
  afterAll(() => platform?.stop(), 60_000)

  /** The same request, about a row of `from` and about one that nobody has; and about a whole tenant, and none. */
  const pairs = (from: Rows): Pair[] =>
    EDGE_METHODS.filter((method) => optionOf(method).tenant !== '').flatMap((method) => {
      const named = method.input.fields
        .map(({ name }) => name)
        .filter((name) => name in ABSENT && !TAKEN_AS_GIVEN.has(`${method.name} ${name}`))
      const base = requestJson(method, rows, named.includes('event_id') ? { event_id: rows.eventId } : {})
      const varied = named.map((name) => ({
        what: `${nameOf(method)} ${name}`,
        method,
        there: { ...base, [name]: from[rowsField(name)]! },
        absent: { ...base, [name]: ABSENT[name]!(rows) },
      }))
      const foreign = requestJson(method, from, named.includes('event_id') ? { event_id: from.eventId } : {})
      const tenant = {
        what: `${nameOf(method)} tenant_id`,
        method,
        there: foreign,
        absent: { ...foreign, tenant_id: newId('ten') },
      }
      return [...varied, tenant]
    })

  const ways: Readonly<Record<string, (pair: Pair, request: JsonObject, seat: Seat) => Promise<string>>> = {
    mesh: async ({ method }, request, { token }) => {
      const client = platform.dial(platform.addressOf(serversOf(method.parent)[0]!), platform.serviceId('gateway'))
      return grpcFace(await decided(() => callGrpc(client, `/${nameOf(method)}`, [requestBytes(method, request)], { token })))
    },
    'gRPC at the edge': async ({ method }, request, { token }) =>
      grpcFace(await decided(() => callGrpc(platform.edgeClient, `/${nameOf(method)}`, [requestBytes(method, request)], { token }))),
    'JSON at the edge': async ({ method }, request, { token }) =>
      jsonFace(
        await decided(() =>
          postJson(
            `${platform.gateway}/${nameOf(method)}`,
            platform.ca,
            toJsonString(method.input, requestMessage(method, request)),
            token,
          ),
        ),
      ),
  }

  /** Names of pairs whose answers differ, with both. */
  const differences = async (way: string, chosen: readonly Pair[], seat: Seat): Promise<Record<string, string[]>> => {
    const found: Record<string, string[]> = {}
    const waiting = [...chosen]
    const worker = async (): Promise<void> => {
      for (let pair = waiting.shift(); pair !== undefined; pair = waiting.shift()) {
        const there = await ways[way]!(pair, pair.there, seat)
        const absent = await ways[way]!(pair, pair.absent, seat)
        if (there !== absent) found[pair.what] = [there, absent]
      }
    }
    await Promise.all(Array.from({ length: 12 }, worker))
    return found
  }

  /** Connect's JSON has no client streams and puts ids of server streams into the body's end: gRPC stands for those. */
  const unary = (pair: Pair): boolean => pair.method.methodKind === 'unary'

  for (const way of ['mesh', 'gRPC at the edge', 'JSON at the edge'])
    it(`does not tell what is another tenant's from what is not there, over ${way}`, async () => {
      const chosen = way.startsWith('JSON') ? pairs(theirs).filter(unary) : pairs(theirs)
      expect(chosen.length).toBeGreaterThan(50)
      expect(await differences(way, chosen, own.seats.admin)).toEqual({})
      expect(await differences(way, chosen, own.seats.none)).toEqual({})
    }, 60_000)

  it('would show: what is one’s own is told from what is not there', async () => {
    const chosen = pairs(rows).filter(({ what }) => /\/Get\w+ /.test(what))
    for (const way of Object.keys(ways)) {
      const found = Object.keys(await differences(way, chosen, own.seats.admin))
      expect(found.sort()).toEqual(chosen.map(({ what }) => what).sort())
    }
  }, 60_000)

  it('does not tell a tenant that is there from none at the login', async () => {
    const attempt = async (slug: string, email: string): Promise<string> =>
      jsonFace(
        await postJson(
          `${platform.gateway}/tenantry.identity.v1.SessionService/CreateSession`,
          platform.ca,
          JSON.stringify({ slug, email, password: 'not the password' }),
        ),
      )
    const { slug, email, password } = own.seats.viewer
    const answers = [await attempt('no-such-tenant', email), await attempt(slug, 'nobody@example.test'), await attempt(slug, email)]
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('CREDENTIALS_REJECTED')
    expect((await platform.logIn(slug, email, password)).userId).toBe(own.seats.viewer.userId)
  })
})
