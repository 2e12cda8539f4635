import { readdirSync, readFileSync } from 'node:fs'
import { create, getOption, setExtension } from '@bufbuild/protobuf'
import type { DescMethod, DescService, MessageInitShape } from '@bufbuild/protobuf'
import { MethodOptionsSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, it } from '@jest/globals'
import { AuditService } from '../../../proto/gen/tenantry/audit/v1/audit_pb.js'
import {
  Caller,
  Exposure,
  method as authorization,
  MethodAuthorizationSchema,
  RowFact,
} from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import { RecordService } from '../../../proto/gen/tenantry/data/v1/record_pb.js'
import { attributeReader, callersOf, checkContracts, permissions, problemsOf, rowFactsOf } from './method-options.js'

/** Every service that the generated code declares: one at a time, as jest's module loader wants it. */
const services = async (): Promise<DescService[]> => {
  const names = readdirSync('proto/gen/tenantry', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('_pb.ts'))
  const found: DescService[] = []
  for (const name of names) {
    const module = (await import(`../../../proto/gen/tenantry/${name.replace(/ts$/, 'js')}`)) as Record<string, { kind?: string }>
    for (const value of Object.values(module)) if (value?.kind === 'service') found.push(value as DescService)
  }
  return found
}

/** GetRecord with another option; none when undefined. */
const withOption = (parts: MessageInitShape<typeof MethodAuthorizationSchema> | undefined): DescMethod => {
  const desc = RecordService.method.getRecord
  const options = create(MethodOptionsSchema)
  if (parts !== undefined)
    setExtension(options, authorization, create(MethodAuthorizationSchema, { ...getOption(desc, authorization), ...parts }))
  return { ...desc, proto: { ...desc.proto, options } } as DescMethod
}

describe('checkContracts()', () => {
  it('finds nothing wrong in any method of the platform', async () => {
    const all = await services()
    expect(all.length).toBeGreaterThan(8)
    expect(checkContracts(all)).toEqual([])
  })

  it('finds a method without the option', () => {
    expect(problemsOf(withOption(undefined))).toEqual(['no option tenantry.authz.v1.method'])
    const service = { typeName: 'x.v1.S', methods: [withOption(undefined)] } as unknown as DescService
    expect(checkContracts([service])).toEqual(['x.v1.S/GetRecord: no option tenantry.authz.v1.method'])
  })

  it.each([
    ['a path that the request has not', { resource: 'record' }, 'has no path record'],
    ['a further path that it has not', { attributes: ['collection_id', 'fields.x'] }, 'has no path fields.x'],
    ['a tenant that is not field 1', { tenant: 'collection_id' }, 'tenant_id = 1'],
    ['a tenant that it does not tell of', { tenant: '' }, 'not named in the option'],
    ['an action of another form', { action: 'read' }, 'not of the form'],
    ['an action with a pattern', { action: 'data.record.*' }, 'not of the form'],
    ['no resource type', { resourceType: '' }, 'is no name'],
    ['the edge without callers', { callers: [] }, 'EDGE without callers'],
    ['no callers', { callers: [], exposure: Exposure.MESH }, 'no callers'],
    ['an unknown caller', { callers: [Caller.CALLER_UNSPECIFIED] }, 'an unknown caller'],
    ['an unknown row fact', { rowFacts: [RowFact.ROW_FACT_UNSPECIFIED] }, 'an unknown row fact'],
    ['the edge for workloads', { callers: [Caller.WORKLOAD] }, 'EDGE for workloads alone'],
  ])('finds %s', (_, parts, problem) => {
    expect(problemsOf(withOption(parts)).join()).toContain(problem)
  })

  it('finds nothing in the option as it is: the control', () => {
    expect(problemsOf(withOption({}))).toEqual([])
  })
})

describe('what the policy reads of an option', () => {
  it('is in lower case', () => {
    const option = getOption(RecordService.method.getRecord, authorization)
    expect(callersOf(option)).toEqual(['subject'])
    expect(rowFactsOf(option)).toEqual(['owner', 'classification'])
  })

  it('names enum values without their prefix', () => {
    const read = attributeReader(AuditService.method.listEvents.input, 'view')
    expect(['0', '1', '2', '9'].map(read)).toEqual(['unspecified', 'basic', 'full', '9'])
    expect(attributeReader(RecordService.method.getRecord.input, 'collection_id')('2')).toBe('2')
  })
})

describe('permissions()', () => {
  it('lists what a role may hold: each once, with the methods that ask for it', async () => {
    const all = permissions(await services())
    const actions = all.map(({ action }) => action)
    expect(actions).toEqual([...new Set(actions)].sort())
    expect(actions).toEqual(
      expect.arrayContaining([
        'data.record.read',
        'data.record.read_own',
        'data.record.list_own',
        'identity.role.grant',
        'audit.event.open',
      ]),
    )
    expect(all.find(({ action }) => action === 'tenant.operation.read')?.methods).toHaveLength(2)
  })

  it('lists what the policy’s own data names', async () => {
    const { lists, more } = JSON.parse(readFileSync('policies/tenantry/rbac/data.json', 'utf8')) as {
      lists: string[]
      more: Record<string, { permission: string }>
    }
    const actions = permissions(await services()).map(({ action }) => action)
    const ofLists = lists.flatMap((action) => [action, `${action}_own`])
    expect(actions).toEqual(expect.arrayContaining([...ofLists, ...Object.values(more).map(({ permission }) => permission)]))
  })

  it('lists nothing that only workloads or anyone may do', async () => {
    const actions = permissions(await services()).map(({ action }) => action)
    expect(actions.filter((action) => action.startsWith('platform.') || action === 'identity.session.create')).toEqual([])
  })
})
