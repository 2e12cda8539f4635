import { create } from '@bufbuild/protobuf'
import { trace } from '@opentelemetry/api'
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { CheckRequest } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import {
  BatchCheckRequestSchema,
  CheckRequestSchema,
  GetBundleRequestSchema,
  ListRevisionsRequestSchema,
  PolicyService,
} from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { random16 } from '../platform/ids.js'
import { createPageTokens } from '../platform/keys/page-token.js'
import type { Authorizer } from '../platform/mesh/authorizer.js'
import type { Call } from '../platform/mesh/call.js'
import { workDeadline } from '../platform/mesh/deadline.js'
import type { AppError } from '../platform/mesh/errors.js'
import { meshMethod } from '../platform/mesh/method.js'
import { loadBundle } from '../platform/policy/bundle.js'
import type { ActiveBundle } from './deps.js'
import { methodsByAction, openPolicyService } from './service.js'
import { EDGE_ACTIONS } from './actions.js'

const TENANT = 'ten_01h2xcejqtf2nbrexx3vqjhp41'
const ADA = 'usr_01h2xcejqtf2nbrexx3vqjhp41'
const BOB = 'usr_01h2xcejqtf2nbrexx3vqjhp42'

interface Asked {
  method: string
  subject: string | undefined
  tenant: string | undefined
  resource: string
  attributes: Record<string, string>
  row: unknown
}
const asked: Asked[] = []
const authorizer: Authorizer = {
  decide: (method, request, call) => answer(method, request, call, undefined),
  decideWithRow: (method, request, call, row) => answer(method, request, call, row),
}
const answer: (
  ...question: Parameters<Authorizer['decideWithRow']> | [...Parameters<Authorizer['decide']>, undefined]
) => ReturnType<Authorizer['decide']> = (method, request, call, row) => {
  const subject = call.subject?.id
  asked.push({
    method: method.name,
    subject,
    tenant: method.tenantOf(request),
    resource: method.resourceOf(request),
    attributes: method.attributesOf(request),
    row,
  })
  const allow = subject === ADA
  return { allow, reason: allow ? '' : 'MISSING_PERMISSION', obligations: undefined, revision: 7n, cached: false, facts: {} }
}

let active: ActiveBundle
beforeAll(async () => {
  active = { bundle: await loadBundle(fileURLToPath(new URL('../../policies/bundle/', import.meta.url))), activated: new Date(0) }
})

const callOf = (subject: string | undefined): Call =>
  ({
    service: 'policy',
    method: meshMethod(PolicyService.method.check),
    decisionId: random16(),
    region: 'local',
    traceId: '',
    workload: { spiffeId: 'spiffe://tenantry.local/region/local/svc/data', service: 'data', region: 'local', thumbprint: '' },
    subject: subject && { id: subject, kind: 'user', tenant: TENANT, session: 'ses_x', region: 'local', binding: 'none', token: 't' },
    tenant: TENANT,
    deadline: workDeadline(5_000),
    span: trace.getTracer('test').startSpan('test'),
    log: pino({ enabled: false }),
  }) as unknown as Call

const rpc = (name: string) => {
  const service = openPolicyService({
    region: 'local',
    authorizer,
    active: () => active,
    pageTokens: createPageTokens({ secret: Buffer.alloc(32) }),
  })
  return service.routes.find(({ method }) => method.localName === name)!.rpc as unknown as (request: unknown, call: Call) => Promise<never>
}
const check = (question: CheckRequest['question'] | object, subject: string | undefined = ADA) =>
  rpc('check')(create(CheckRequestSchema, { tenantId: TENANT, question: question as never }), callOf(subject))
const violation = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (error as AppError).violations[0]?.field,
  )

describe('check()', () => {
  it('decides as the method that asks for the action, for the caller', async () => {
    const question = {
      action: 'data.record.read',
      resourceType: 'record',
      resourceId: 'r1',
      collectionId: 'col_01h2xcejqtf2nbrexx3vqjhp41',
    }
    expect(await check(question)).toEqual({ decision: { allowed: true, reason: '', policyRevision: 7n } })
    expect(asked.at(-1)).toEqual({
      method: 'tenantry.data.v1.RecordService/GetRecord',
      subject: ADA,
      tenant: TENANT,
      resource: 'r1',
      attributes: { collection_id: question.collectionId },
      row: undefined,
    })
  })

  it('asks for another subject, and with the row when it is told of one', async () => {
    const question = { subjectId: BOB, action: 'data.record.read', resourceType: 'record', owner: ADA, classification: 'restricted' }
    expect(await check(question)).toMatchObject({ decision: { allowed: false, reason: 'MISSING_PERMISSION' } })
    expect(asked.at(-1)).toMatchObject({ subject: BOB, row: { owner: ADA, classification: 'restricted' } })
  })

  it('names what it cannot answer', async () => {
    expect(await violation(check({ action: 'data.record.fly', resourceType: 'record' }))).toBe('question.action')
    expect(await violation(check({ action: 'data.record.read', resourceType: 'record' }, ''))).toBe('question.subject_id')
  })
})

describe('batchCheck()', () => {
  it('answers in order, and names the question that it cannot answer', async () => {
    const batch = (questions: object[]) =>
      rpc('batchCheck')(create(BatchCheckRequestSchema, { tenantId: TENANT, questions: questions as never }), callOf(ADA))
    const read = { action: 'data.record.read', resourceType: 'record' }
    expect(await batch([read, { ...read, subjectId: BOB }])).toMatchObject({ decisions: [{ allowed: true }, { allowed: false }] })
    expect(await violation(batch([read, { ...read, action: 'no.such.thing' }]))).toBe('questions[1].action')
  })
})

describe('getBundle() and listRevisions()', () => {
  it('serve the bundle in force, and no other', async () => {
    const { revisions } = (await rpc('listRevisions')(create(ListRevisionsRequestSchema), callOf(ADA))) as {
      revisions: { wasmSha256: string }[]
    }
    expect(revisions).toMatchObject([{ active: true, provenance: 'UNLOGGED', wasmSha256: active.bundle.wasmSha256 }])
    const bundle = (await rpc('getBundle')(create(GetBundleRequestSchema), callOf(ADA))) as { wasm: Uint8Array }
    expect(Buffer.from(bundle.wasm).equals(active.bundle.wasm)).toBe(true)
    await expect(
      Promise.resolve().then(() => rpc('getBundle')(create(GetBundleRequestSchema, { revision: 999n }), callOf(ADA))),
    ).rejects.toThrow('revision not found')
  })
})

describe('methodsByAction()', () => {
  it('knows a method for every action of the edge', () => {
    const methods = methodsByAction(EDGE_ACTIONS)
    for (const service of EDGE_ACTIONS) for (const desc of service.methods) expect(methods.has(meshMethod(desc).option.action)).toBe(true)
  })
})
