import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { OperationService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { Placement, TenantService, TenantStatus, Tier } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { newId, PLATFORM_TENANT } from '../platform/ids.js'
import { AppError } from '../platform/mesh/errors.js'
import { catalogViolations } from '../platform/postgres/catalog.js'
import { deadlineIn } from '../platform/postgres/testing.js'
import { ensurePlatformTenant } from './bootstrap.js'
import type { TenantFixture } from './testing.js'
import { tenantFixture } from './testing.js'

const { createTenant, getTenant, listTenants, updateTenant, suspendTenant, resumeTenant } = TenantService.method
const { waitOperation, getOperation, listOperations } = OperationService.method

let fixture: TenantFixture
beforeAll(async () => {
  fixture = await tenantFixture()
})
afterAll(() => fixture.close())

const slug = (): string => `t-${newId('ten').slice(-10)}`
const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'OK',
    (error: unknown) => (error instanceof AppError ? error.reason : `not an AppError: ${String(error)}`),
  )

/** A tenant that is provisioned to its end. */
const onboard = async (tier = Tier.STANDARD): Promise<string> => {
  const { tenantId, operation } = await fixture.call(createTenant, { slug: slug(), displayName: 'A tenant', tier })
  const done = await fixture.call(waitOperation, { tenantId, operationId: operation!.operationId })
  expect(done.operation!.done).toBe(true)
  return tenantId
}

describe('createTenant()', () => {
  it('provisions in steps and ends with the tenant, placed by its tier', async () => {
    const { tenantId, operation } = await fixture.call(createTenant, { slug: slug(), displayName: 'Premium', tier: Tier.PREMIUM })
    expect(operation!.steps.map(({ name }) => name)).toEqual(['keys', 'data_placement'])
    const { operation: done } = await fixture.call(waitOperation, { tenantId, operationId: operation!.operationId })
    expect(done!.steps.every((step) => step.done && step.percent === 100)).toBe(true)
    expect(done!.result.case).toBe('response')
    const { tenant } = await fixture.call(getTenant, { tenantId })
    expect(tenant).toMatchObject({ status: TenantStatus.ACTIVE, placement: Placement.SCHEMA, region: 'local' })
  })

  it('refuses a slug that is taken or reserved, and a region that is not ours, and writes nothing', async () => {
    const taken = slug()
    await fixture.call(createTenant, { slug: taken, displayName: 'First' })
    const before = await fixture.database.query('select tenant_id from pool.tenant')
    expect(await reasonOf(fixture.call(createTenant, { slug: taken, displayName: 'Second' }))).toBe('ALREADY_EXISTS')
    expect(await reasonOf(fixture.call(createTenant, { slug: 'platform', displayName: 'Mine' }))).toBe('INVALID_FIELD')
    expect(await reasonOf(fixture.call(createTenant, { slug: slug(), displayName: 'Far', region: 'mars' }))).toBe('INVALID_FIELD')
    expect(await fixture.database.query('select tenant_id from pool.tenant')).toHaveLength(before.length)
  })

  it('answers a repeated request_id as the first time, and another body not at all', async () => {
    const request = { slug: slug(), displayName: 'Once', requestId: randomUUID() }
    const first = await fixture.call(createTenant, request)
    const again = await fixture.call(createTenant, request)
    expect(again.tenantId).toBe(first.tenantId)
    expect(again.operation!.operationId).toBe(first.operation!.operationId)
    expect(await reasonOf(fixture.call(createTenant, { ...request, displayName: 'Twice' }))).toBe('REQUEST_ID_REUSED')
  })

  it('goes on with the step at which it was interrupted, and does none twice', async () => {
    const calls = { keys: 0, data: 0 }
    const { audit, data } = fixture.others
    fixture.others.audit = (...asked) => (calls.keys++, audit(...asked))
    fixture.others.data = (...asked) => {
      if (++calls.data === 1) return Promise.reject(new AppError('UPSTREAM_UNAVAILABLE', 'away'))
      return data(...asked)
    }
    await onboard()
    expect(calls).toEqual({ keys: 1, data: 2 })
    Object.assign(fixture.others, { audit, data })
  })

  it('ends with the error when a service refuses for good', async () => {
    const { data } = fixture.others
    fixture.others.data = () => Promise.reject(new AppError('IMMUTABLE', 'never'))
    const { tenantId, operation } = await fixture.call(createTenant, { slug: slug(), displayName: 'Doomed' })
    const { operation: done } = await fixture.call(waitOperation, { tenantId, operationId: operation!.operationId })
    expect(done!.result).toMatchObject({ case: 'error', value: { message: 'never' } })
    expect((await fixture.call(getTenant, { tenantId })).tenant!.status).toBe(TenantStatus.PROVISIONING)
    fixture.others.data = data
  })
})

describe('suspendTenant() and resumeTenant()', () => {
  it('change the status once, with an event and the fact for each change', async () => {
    const tenantId = await onboard()
    expect((await fixture.call(suspendTenant, { tenantId })).tenant!.status).toBe(TenantStatus.SUSPENDED)
    const { etag } = (await fixture.call(suspendTenant, { tenantId })).tenant!
    expect((await fixture.call(resumeTenant, { tenantId, etag })).tenant!.status).toBe(TenantStatus.ACTIVE)
    const events = await fixture.database.query<{ type: string; version: string; fact: { tenant: { status: string } } }>(
      `select type, version, fact from platform.outbox where tenant_id = $1 and topic = 'facts' order by version`,
      [tenantId],
    )
    expect(events.map(({ type }) => type.split('.')[3])).toEqual(['created', 'prepared', 'provisioned', 'suspended', 'resumed'])
    expect(events.map(({ version }) => Number(version))).toEqual([1, 2, 3, 4, 5])
    expect(events.map(({ fact }) => fact.tenant.status)).toEqual(['provisioning', 'provisioning', 'active', 'suspended', 'active'])
  })

  it('protect the platform tenant, refuse a stale etag and an absent tenant', async () => {
    await ensurePlatformTenant(
      {
        db: fixture.database.db,
        region: 'local',
        self: { spiffeId: 'spiffe://tenantry.local/region/local/svc/tenant', service: 'tenant' },
      },
      { keyId: 'key_p', publicKey: new Uint8Array(32) },
    )
    expect(await reasonOf(fixture.call(suspendTenant, { tenantId: PLATFORM_TENANT }))).toBe('PROTECTED_TENANT')
    const tenantId = await onboard()
    expect(await reasonOf(fixture.call(suspendTenant, { tenantId, etag: '1' }))).toBe('ETAG_MISMATCH')
    expect(await reasonOf(fixture.call(suspendTenant, { tenantId: newId('ten') }))).toBe('NOT_FOUND')
  })

  it('answers a suspension only after the lease', async () => {
    const tenantId = await onboard()
    const began = performance.now()
    await fixture.call(suspendTenant, { tenantId })
    expect(performance.now() - began).toBeGreaterThan(20 + 50 - 5)
  })
})

describe('updateTenant()', () => {
  it('changes what the mask names', async () => {
    const tenantId = await onboard()
    const { tenant } = await fixture.call(
      updateTenant,
      { tenantId, displayName: 'Renamed', updateMask: { paths: ['display_name'] } },
      tenantId,
    )
    expect(tenant!.displayName).toBe('Renamed')
    expect(await reasonOf(fixture.call(updateTenant, { tenantId, displayName: 'x', updateMask: { paths: ['slug'] } }))).toBe(
      'INVALID_FIELD',
    )
    expect(await reasonOf(fixture.call(updateTenant, { tenantId, displayName: 'x', updateMask: { paths: [] } }))).toBe('INVALID_FIELD')
  })
})

describe('listTenants() and listOperations()', () => {
  it('page through all, each once, with tokens of the same list only', async () => {
    for (let i = 0; i < 3; i++) await onboard()
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await fixture.call(listTenants, { pageSize: 2, pageToken })
      seen.push(...page.tenants.map(({ tenantId }) => tenantId))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(new Set(seen).size).toBe(seen.length)
    const all = await fixture.database.query('select tenant_id from pool.tenant')
    expect(seen).toHaveLength(all.length)
    const { nextPageToken } = await fixture.call(listTenants, { pageSize: 1 })
    expect(await reasonOf(fixture.call(listTenants, { pageSize: 1, pageToken: nextPageToken, filter: 'status = "active"' }))).toBe(
      'INVALID_PAGE_TOKEN',
    )
    expect(await reasonOf(fixture.call(listTenants, { filter: 'display_name = "x"' }))).toBe('INVALID_FILTER')
  })

  it('show a tenant its own operations only', async () => {
    const [one, other] = [await onboard(), await onboard()]
    const { operations } = await fixture.call(listOperations, { tenantId: one, filter: 'done = true' }, one)
    expect(operations.map(({ tenantId }) => tenantId)).toEqual([one])
    const foreign = (await fixture.call(listOperations, { tenantId: other }, other)).operations[0]!
    expect(await reasonOf(fixture.call(getOperation, { tenantId: one, operationId: foreign.operationId }, one))).toBe('NOT_FOUND')
  })
})

describe('the facts of tenants', () => {
  it('are told whole, with the key, and again when they change', async () => {
    const tenantId = await onboard()
    const first = await fixture.owner.renew(new Uint8Array(), deadlineIn(5_000))
    const fact = first.facts.map(({ fact }) => fact.value).find((value) => value?.tenantId === tenantId)
    expect(fact).toMatchObject({ status: 'active', placement: 'pool', publicKeyId: 'key_1' })
    await fixture.call(suspendTenant, { tenantId })
    const next = await fixture.owner.renew(first.cursor, deadlineIn(5_000))
    expect(next.facts.map(({ fact }) => fact.value)).toContainEqual(expect.objectContaining({ tenantId, status: 'suspended' }))
  })
})

describe('the database of tenants', () => {
  it('keeps the rules of isolation', async () => {
    // The directory of slugs is no tenant's: the runtime role can add to it and read nothing of it.
    expect(await catalogViolations((text, values) => fixture.database.query(text, values), { exempt: ['platform.directory'] })).toEqual([])
    const [privileges] = await fixture.database.query<{ readable: boolean }>(
      `select has_table_privilege('tenant_runtime', 'platform.directory', 'select') as readable`,
    )
    expect(privileges!.readable).toBe(false)
  })
})
