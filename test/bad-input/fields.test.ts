import type { DescMethod, JsonObject, Message } from '@bufbuild/protobuf'
import { toBinary } from '@bufbuild/protobuf'
import { createValidator } from '@bufbuild/protovalidate'
import { status as Code } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { Caller } from '../../proto/gen/tenantry/authz/v1/method_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { EDGE_METHODS, nameOf, optionOf, serversOf } from '../contracts.js'
import type { Platform, Tenant } from '../platform.js'
import { startPlatform } from '../platform.js'
import type { Scene } from '../requests.js'
import { requestJson, requestMessage } from '../requests.js'
import { callGrpc, decided, postJson } from '../wire.js'
import type { Hostile } from './hostile.js'
import { MARKER, SURROGATES, hostileRequests } from './hostile.js'

interface Trial extends Hostile {
  readonly method: DescMethod
}

/** How a call may end whose message is well-formed: as its value deserves. Never as if we had failed. */
const SPECIFIC: ReadonlySet<Code> = new Set([
  Code.OK,
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.ABORTED,
  Code.FAILED_PRECONDITION,
  Code.PERMISSION_DENIED,
  Code.UNAUTHENTICATED,
  Code.RESOURCE_EXHAUSTED,
])
/** Deletions and suspensions keep their stale etag; of changes it is left out, so that they get as far as their values. */
const CHANGE = /\/Update\w+$/
const NAMED = /\[\d+\].*$/

describe('bad input', () => {
  let platform: Platform
  let own: Tenant
  let trials: Trial[]
  const validator = createValidator({ regexMatch: (pattern, text) => new RegExp(pattern, 'u').test(text) })

  beforeAll(async () => {
    platform = await startPlatform()
    own = await platform.onboard('own', undefined, ['viewer'])
    const scene = await furnish()
    trials = EDGE_METHODS.flatMap((method) =>
      hostileRequests(method.input, baseOf(method, scene)).map((hostile) => ({ ...hostile, method })),
    )
  }, 120_000)
  afterAll(() => platform?.stop(), 60_000)

  /** Rows that exist: what is refused is refused for its value. */
  const furnish = async (): Promise<Scene> => {
    const { tenantId, operationId, seats } = own
    const { edge } = seats.admin
    const fields = [{ name: 'name', type: FieldType.STRING }]
    const { collection } = await edge.client(CollectionService).createCollection({ tenantId, name: 'things', fields })
    const { collectionId } = collection!
    await edge.client(RecordService).createRecord({ tenantId, collectionId, recordId: 'record', fields: { name: 'n' } })
    const { role } = await edge.client(RoleService).createRole({ tenantId, name: 'reader', actions: ['data.record.read'] })
    const { user } = await edge.client(UserService).createUser({ tenantId, email: 'somebody@example.test' })
    return { tenantId, collectionId, recordId: 'record', roleId: role!.roleId, userId: user!.userId, operationId }
  }

  const baseOf = (method: DescMethod, scene: Scene): JsonObject => {
    const json = requestJson(method, scene, method.name === 'CreateTenant' ? { slug: own.slug } : {})
    if (method.name === 'UpdateRecord') json['update_mask'] = 'fields'
    if (CHANGE.test(nameOf(method))) delete json['etag']
    return json
  }

  const tokenOf = (method: DescMethod): string | undefined => {
    const { callers } = optionOf(method)
    if (callers.includes(Caller.ANONYMOUS)) return undefined
    return callers.includes(Caller.SUBJECT) ? own.seats.admin.token : platform.operator.token
  }

  const encoded = ({ method, rawBytes }: Trial, message: Message): Uint8Array => {
    const bytes = Buffer.from(toBinary(method.input, message))
    if (!rawBytes) return bytes
    bytes.set(SURROGATES, bytes.indexOf(MARKER))
    return bytes
  }

  /** Whether it must be refused, by the rules of the descriptor or by what the value is. */
  const mustFail = ({ method, request, refused, jsonOnly }: Trial): boolean =>
    refused !== undefined || jsonOnly === true || validator.validate(method.input, requestMessage(method, request)).kind !== 'valid'

  /** What is wrong with the answer to one hostile request. */
  const overGrpc = async (trial: Trial): Promise<string | undefined> => {
    const { method, request, refused, rawBytes, field } = trial
    const message = requestMessage(method, request)
    const violated = validator.validate(method.input, message).kind !== 'valid'
    const client = platform.dial(platform.addressOf(serversOf(method.parent)[0]!), platform.serviceId('gateway'))
    const outcome = await decided(() => callGrpc(client, `/${nameOf(method)}`, [encoded(trial, message)], { token: tokenOf(method) }))
    const seen = `${outcome.codeName} ${outcome.reason} ${JSON.stringify(outcome.message)} ${outcome.fields.join()}`
    if (rawBytes) return outcome.reason === 'MALFORMED_MESSAGE' ? undefined : seen
    if (!violated && refused === undefined) return SPECIFIC.has(outcome.code) ? undefined : seen
    if (violated || refused!.includes('INVALID_FIELD')) {
      const named = outcome.fields.some((name) => name.startsWith(field.replace(NAMED, '')))
      if (outcome.code === Code.INVALID_ARGUMENT && (named || !outcome.reason.endsWith('_FIELD'))) return undefined
      return refused?.includes(outcome.reason) && outcome.code !== Code.INVALID_ARGUMENT ? undefined : seen
    }
    return refused!.includes(outcome.reason) ? undefined : seen
  }

  const overJson = async ({ method, request, refused, field }: Trial): Promise<string | undefined> => {
    const url = `${platform.gateway}/${nameOf(method)}`
    const { status, text } = await decided(() => postJson(url, platform.ca, JSON.stringify(request), tokenOf(method)))
    const { code, details = [] } = JSON.parse(text) as { code?: string; details?: { debug?: { reason?: string } }[] }
    const reason = details[0]?.debug?.reason ?? ''
    const last = field
      .replace(/\[\d+\]$/, '')
      .split('.')
      .at(-1)!
    const names = [last, last.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]
    const fine = status === 400 && code === 'invalid_argument' && refused!.includes(reason) && names.some((name) => text.includes(name))
    return fine ? undefined : `${status} ${text}`
  }

  const run = async (chosen: readonly Trial[], check: (trial: Trial) => Promise<string | undefined>): Promise<string[]> => {
    const waiting = [...chosen]
    const problems: string[] = []
    const worker = async (): Promise<void> => {
      for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
        const seen = await check(trial)
        if (seen !== undefined) problems.push(`${nameOf(trial.method)} ${trial.field}, ${trial.what}: ${seen}`)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    return problems.sort()
  }

  /** Everything that the services keep of tenants, by table: a checksum each. Attempts to log in are counted, whatever was tried. */
  const stored = async (): Promise<Record<string, string>> => {
    const sums: Record<string, string> = {}
    for (const database of ['identity', 'tenant', 'data']) {
      const tables = await platform.query<{ name: string }>(
        database,
        `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
         where (table_schema = 'pool' or table_schema like 'ten\\_%') and table_type = 'BASE TABLE' and table_name <> 'login_attempts'`,
      )
      for (const { name } of tables) {
        const rows = await platform.query<{ sum: string }>(
          database,
          `select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as sum from ${name} t`,
        )
        sums[`${database} ${name}`] = rows[0]!.sum
      }
    }
    return sums
  }

  it('is refused by field and rule in every field of every public method, and changes nothing', async () => {
    const failing = trials.filter((trial) => !trial.jsonOnly && mustFail(trial))
    expect(failing.length).toBeGreaterThan(800)
    const before = await stored()
    const problems = await run(failing, overGrpc)
    expect(problems).toEqual([])
    expect(await stored()).toEqual(before)
  }, 90_000)

  it('of another JSON type is refused at the edge, naming the field, and changes nothing', async () => {
    const failing = trials.filter(({ jsonOnly, method }) => jsonOnly && method.methodKind === 'unary')
    expect(failing.length).toBeGreaterThan(300)
    const before = await stored()
    expect(await run(failing, overJson)).toEqual([])
    expect(await stored()).toEqual(before)
  }, 90_000)

  it('that is legal after all never ends as if we had failed', async () => {
    const open = trials.filter((trial) => !trial.jsonOnly && !mustFail(trial))
    expect(open.length).toBeGreaterThan(100)
    expect(await run(open, overGrpc)).toEqual([])
  }, 90_000)

  it('would show: a change that is let through is seen in what is stored', async () => {
    const { tenantId, seats } = own
    const before = await stored()
    await seats.admin.edge
      .client(UserService)
      .createUser({ tenantId, email: "o'hara@example.test", displayName: "x'; drop table pool.users; --" })
    const after = await stored()
    expect(Object.keys(after).filter((table) => after[table] !== before[table])).toEqual(expect.arrayContaining(['identity pool.users']))
  })
})
