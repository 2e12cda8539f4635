import { describe, expect, it } from '@jest/globals'
import { create, toBinary } from '@bufbuild/protobuf'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { GetRecordRequestSchema, RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { newId } from '../ids.js'
import type { Refusals } from './audit/refusals.js'
import type { Call } from './call.js'
import type { Link } from './chain.js'
import { CHAIN, compose } from './chain.js'
import { startDeadline } from './deadline.js'
import { AppError } from './errors.js'
import type { Exchange, Incoming } from './exchange.js'
import { meshMethod } from './method.js'
import type { ChainPorts } from './ports.js'
import type { Route } from './rpc.js'
import { CallState } from './state.js'
import {
  claims,
  decision,
  everyonesFacts,
  fakeAuthorizer,
  ISSUER,
  AUDIENCE,
  memoryJournal,
  openSealer,
  REGION,
  tokenKeys,
} from './testing.js'
import { createTokenVerifier, signToken } from './tokens.js'
import { createChecks } from './validation.js'

const NAMES = ['telemetry', 'audit', 'error-boundary', 'authenticate', 'validate', 'authorize', 'handler']
const keys = tokenKeys()
const checks = createChecks()
const tenant = newId('ten')
const collectionId = newId('col')

/** What one call leaves behind: everything that the order of the links decides. */
interface Trace {
  code: number | 'threw'
  reason?: string
  records: { outcome: number; reason: number; subject: string; hasTrace: boolean; decided: boolean; hasResource: boolean }[]
  metrics: string[]
  handled: number
  asked: { subject: boolean; request: boolean }[]
}

interface Probe {
  message?: Uint8Array
  token?: string
  allow?: boolean
  rpc?: (request: unknown, call: Call) => Promise<object>
  full?: boolean
}

const good = toBinary(GetRecordRequestSchema, create(GetRecordRequestSchema, { tenantId: tenant, collectionId, recordId: 'one' }))

/** Runs one call through a chain of these links, without a wire. */
const run = async (links: readonly Link[], probe: Probe): Promise<Trace> => {
  const memory = memoryJournal()
  memory.state.full = probe.full === true
  const asked: Trace['asked'] = []
  const metrics: string[] = []
  let handled = 0
  const ports: ChainPorts = {
    service: 'data',
    region: REGION,
    log: pino({ level: 'silent' }),
    tracer: trace.getTracer('test'),
    metrics: { method: () => ({ started: () => metrics.push('started'), finished: (code) => metrics.push(code) }) },
    journal: memory.journal,
    sealer: openSealer,
    facts: everyonesFacts,
    authorizer: fakeAuthorizer((_method, call) => {
      asked.push({ subject: call.subject !== undefined, request: (call as CallState).request !== undefined })
      return decision(probe.allow !== false, probe.allow === false ? 'TENANT_MISMATCH' : '')
    }),
    tokens: createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks: keys.jwks }),
    mayForward: () => false,
    unrecorded: new Set(),
    refusals: { absorb: () => false, flush: () => Promise.resolve(), close: () => Promise.resolve() } satisfies Refusals,
    checks,
    graceMs: 100,
    streamDecisionMs: 1_000,
    maxMessageBytes: 1_000_000,
  }
  const method = meshMethod(RecordService.method.getRecord)
  const rpc = ((request: unknown, call: Call) => {
    handled++
    return probe.rpc?.(request, call) ?? Promise.resolve({ record: { recordId: 'one' } })
  }) as Route['rpc']
  const incoming: Incoming = { bytes: Buffer.from(probe.message ?? good), message: undefined }
  const headers: Record<string, string> = probe.token === undefined ? {} : { authorization: `Bearer ${probe.token}` }
  const exchange: Exchange = {
    arrival: { path: method.path, headers, timeoutMs: undefined, problem: undefined },
    peer: {
      workload: { spiffeId: 'spiffe://t/region/local/svc/gateway', service: 'gateway', region: REGION, thumbprint: 'x' },
      address: undefined,
    },
    first: () => Promise.resolve(incoming),
    next: () => Promise.resolve(undefined),
    send: () => Promise.resolve(),
  }
  const deadline = startDeadline(1_000, 1_000)
  const call = new CallState(method, ports, deadline, exchange.arrival, exchange.peer)
  // What stands outside of telemetry has no span yet.
  call.span = trace.wrapSpanContext(
    trace.getSpanContext(ROOT_CONTEXT) ?? { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 },
  )
  let code: Trace['code']
  let reason: string | undefined
  try {
    const answer = await compose(method, rpc, ports, links)(call, exchange)
    code = answer.code
    reason = answer.reason
  } catch {
    code = 'threw'
  }
  deadline.settle()
  const records = memory.records.map((record) => ({
    outcome: record.outcome,
    reason: record.reason,
    subject: record.actor?.subject === '' ? 'none' : 'known',
    hasTrace: record.traceId !== '',
    decided: record.decision?.decided === true,
    hasResource: record.resourceId !== '',
  }))
  return { code, ...(reason === undefined ? undefined : { reason }), records, metrics, handled, asked }
}

const token = signToken(claims({ tenant }), keys.kid, keys.key)
const PROBES: Record<string, Probe> = {
  allowed: { token },
  denied: { token, allow: false },
  malformed: { token, message: Buffer.from('ffffff', 'hex') },
  'bad token and malformed': { token: 'x.y.z', message: Buffer.from('ffffff', 'hex') },
  'failing handler': { token, rpc: () => Promise.reject(new Error('boom')) },
  'refusing handler': { token, rpc: () => Promise.reject(new AppError('NOT_FOUND', 'x not found')) },
  'no room': { token, full: true },
}
const traces = async (links: readonly Link[]) =>
  Object.fromEntries(await Promise.all(Object.entries(PROBES).map(async ([name, probe]) => [name, await run(links, probe)] as const)))

describe('CHAIN', () => {
  it('has its links in their order, outermost first', () => {
    expect(CHAIN.map(({ name }) => name)).toEqual(NAMES)
  })

  it('treats each kind of call as it should', async () => {
    const seen = await traces(CHAIN)
    const record = (outcome: number, reason: number, more: object = {}) => [
      { outcome, reason, subject: 'known', hasTrace: true, decided: true, hasResource: true, ...more },
    ]
    expect(seen.allowed).toMatchObject({ code: 0, records: record(1, 0), metrics: ['started', 'OK'], handled: 1 })
    expect(seen.denied).toMatchObject({ code: 7, reason: 'TENANT_MISMATCH', records: record(2, 201), handled: 0 })
    expect(seen.malformed).toMatchObject({
      code: 3,
      reason: 'MALFORMED_MESSAGE',
      records: record(3, 2, { decided: false, hasResource: false }),
    })
    expect(seen['bad token and malformed']).toMatchObject({ code: 16, reason: 'TOKEN_INVALID' })
    expect(seen['failing handler']).toMatchObject({ code: 13, reason: 'INTERNAL', records: record(3, 409) })
    expect(seen['refusing handler']).toMatchObject({ code: 5, reason: 'NOT_FOUND', records: record(3, 300) })
    expect(seen['no room']).toMatchObject({
      code: 14,
      reason: 'JOURNAL_UNAVAILABLE',
      records: [],
      handled: 0,
      metrics: ['started', 'UNAVAILABLE'],
    })
    expect(seen.allowed!.asked).toEqual([{ subject: true, request: true }])
  })

  for (let i = 0; i + 1 < NAMES.length; i++) {
    it(`behaves otherwise with ${NAMES[i]!} and ${NAMES[i + 1]!} swapped`, async () => {
      const swapped = [...CHAIN]
      ;[swapped[i], swapped[i + 1]] = [swapped[i + 1]!, swapped[i]!]
      expect(await traces(swapped)).not.toEqual(await traces(CHAIN))
    })
    it(`behaves otherwise without ${NAMES[i]!}`, async () => {
      expect(await traces(CHAIN.filter((_, at) => at !== i))).not.toEqual(await traces(CHAIN))
    })
  }
})
