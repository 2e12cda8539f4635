import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { trace } from '@opentelemetry/api'
import { pino } from 'pino'
import type { AccessRecord } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { AccessRecordSchema, SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { SubjectFact, TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { SubjectFactSchema, TenantFactSchema } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { newId } from '../ids.js'
import type { Journal, Reservation } from '../journal/journal.js'
import type { Sealer } from '../keys/sealer.js'
import type { Authorizer, RecordedDecision } from './authorizer.js'
import type { Call, ServiceName } from './call.js'
import type { Authority } from './certificates/authority.js'
import { authorityOf, newAuthority } from './certificates/authority.js'
import type { CertificateSource } from './certificates/source.js'
import { listeners } from './certificates/source.js'
import { newKey } from './certificates/x509.js'
import type { MeshClient, MeshClientOptions } from './client.js'
import { createMeshClient } from './client.js'
import { AppError } from './errors.js'
import type { MeshMethod } from './method.js'
import type { ChainMetrics } from './ports.js'
import type { MeshOptions, MeshServer } from './service.js'
import { serveMesh } from './service.js'
import type { TokenClaims } from './tokens.js'
import { signToken } from './tokens.js'
import { serviceSpiffeId } from './workload.js'

/** Fakes and fixtures for tests of what stands in the mesh: real TLS sockets on loopback, in-memory journal, an authorizer told what to say. */
export const TRUST_DOMAIN = 'tenantry.test'
export const REGION = 'local'
export const ISSUER = 'https://identity.tenantry.test'
export const AUDIENCE = 'tenantry'

/** A journal in memory: what was appended, with numbers of room taken and given back; may be told to have no room or to fail its flush. */
export const memoryJournal = () => {
  const records: AccessRecord[] = []
  const state = {
    full: false,
    broken: false,
    held: 0,
    capacity: Infinity,
    appended: 0,
    beforeAppend: undefined as undefined | (() => Promise<void>),
  }
  const journal: Journal = {
    reserve(): Reservation {
      if (state.full || state.held >= state.capacity) throw new AppError('JOURNAL_UNAVAILABLE', 'the access journal is full')
      state.held++
      return { bytes: 1 }
    },
    async append(_service, _reservation, record) {
      state.held--
      // As the real one would find out: what can't be encoded can't be recorded.
      toBinary(AccessRecordSchema, record as AccessRecord)
      await (state.beforeAppend?.() ?? new Promise<void>((resolve) => setImmediate(resolve)))
      if (state.broken) throw new AppError('OUTCOME_UNKNOWN', 'the access record could not be written')
      records.push(record as AccessRecord)
      state.appended++
    },
    release() {
      state.held--
    },
    get healthy() {
      return !state.broken
    },
    close: () => Promise.resolve(),
  }
  return { journal, records, state }
}

/** A sealer whose parts a test can read back: the plaintext as JSON. */
export const openSealer: Sealer = {
  seal: (key, _tenantId, _boundTo, details, subjectId) =>
    create(SealedPartSchema, { keyId: key.keyId, subjectId: subjectId ?? '', ciphertext: Buffer.from(JSON.stringify(details)) }),
}

export const unseal = (record: AccessRecord): Record<string, unknown>[] =>
  record.sealed.map((part) => JSON.parse(Buffer.from(part.ciphertext).toString()) as Record<string, unknown>)

/** Facts of tenants and subjects that all exist, each with a key named after it. */
export const everyonesFacts = {
  tenant: (tenantId: string): TenantFact =>
    create(TenantFactSchema, { tenantId, status: 'active', publicKey: new Uint8Array(32), publicKeyId: `key:${tenantId}` }),
  subject: (tenantId: string, subjectId: string): SubjectFact =>
    create(SubjectFactSchema, { tenantId, subjectId, status: 'active', publicKey: new Uint8Array(32), publicKeyId: `key:${subjectId}` }),
}

export const decision = (allow: boolean, reason = '', more: Partial<RecordedDecision> = {}): RecordedDecision => ({
  allow,
  reason,
  obligations: undefined,
  revision: 7n,
  cached: false,
  facts: {},
  ...more,
})

/** Says what `judge` says; allows everything when told nothing. */
export const fakeAuthorizer = (judge: (method: MeshMethod, call: Call) => RecordedDecision = () => decision(true)): Authorizer => ({
  decide: (method, _request, call) => judge(method, call),
  decideWithRow: (method, _request, call) => judge(method, call),
})

export const silentMetrics: ChainMetrics = { method: () => ({ started: () => undefined, finished: () => undefined }) }

/** A signing key with a set that knows it. */
export const tokenKeys = (kid = 'key-1') => {
  const key = newKey()
  const publicKey: KeyObject = createPublicKey(key)
  return { kid, key, publicKey, jwks: { key: (asked: string) => (asked === kid ? publicKey : undefined) } }
}

export const claims = (more: Partial<TokenClaims> = {}): TokenClaims => {
  const now = Math.floor(Date.now() / 1_000)
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: newId('usr'),
    tenant: newId('ten'),
    region: REGION,
    sid: newId('ses'),
    auth_time: now,
    iat: now,
    nbf: now,
    exp: now + 300,
    jti: newId('evt'),
    ...more,
  }
}

/** A source that a test renews by hand. */
export const handSource = (authority: Authority, spiffeId: string, ttlMs = 3_600_000) => {
  let current = authority.issue({ spiffeId, ttlMs })
  const subscribers = listeners()
  const source: CertificateSource = { current: () => current, onChange: (listener) => subscribers.add(listener), close: () => undefined }
  return {
    source,
    renew(from = authority, more: { ca?: string } = {}) {
      current = { ...from.issue({ spiffeId, ttlMs }), ...more }
      subscribers.tell(current)
    },
  }
}

/** One CA, one server, and clients of any workload: all on loopback. Close it. */
export const createTestMesh = async (options: Partial<MeshOptions> & Pick<MeshOptions, 'routes'>) => {
  const authority = authorityOf(newAuthority(TRUST_DOMAIN))
  const keys = tokenKeys()
  const memory = memoryJournal()
  const service: ServiceName = options.service ?? 'data'
  const own = handSource(authority, serviceSpiffeId(TRUST_DOMAIN, REGION, service))
  const server: MeshServer = await serveMesh({
    service,
    region: REGION,
    trustDomain: TRUST_DOMAIN,
    source: own.source,
    port: 0,
    log: pino({ level: 'silent' }),
    tracer: trace.getTracer('test'),
    metrics: silentMetrics,
    journal: memory.journal,
    sealer: openSealer,
    facts: everyonesFacts,
    authorizer: fakeAuthorizer(),
    tokens: { issuer: ISSUER, audience: AUDIENCE, jwks: keys.jwks },
    mayForward: () => false,
    mayReflect: () => true,
    ready: () => true,
    ...options,
  })
  const clients: MeshClient[] = []
  const connect = (spiffeId = serviceSpiffeId(TRUST_DOMAIN, REGION, 'gateway'), more: Partial<MeshClientOptions> = {}): MeshClient => {
    const client = createMeshClient({
      source: handSource(authority, spiffeId).source,
      target: server.address,
      trustDomain: TRUST_DOMAIN,
      expect: { service, region: REGION },
      channels: 1,
      timeoutMs: 5_000,
      ...more,
    })
    clients.push(client)
    return client
  }
  return {
    authority,
    keys,
    server,
    own,
    ...memory,
    connect,
    token: (more: Partial<TokenClaims> = {}): string => signToken(claims(more), keys.kid, keys.key),
    async close() {
      for (const client of clients) client.close()
      await server.close(500)
    },
  }
}

export type TestMesh = Awaited<ReturnType<typeof createTestMesh>>
