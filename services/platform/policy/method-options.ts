import type { DescField, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'
import { getOption, hasOption } from '@bufbuild/protobuf'
import { Caller, Exposure, method as authorization, RowFact } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { MethodAuthorization } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'

const ACTION = /^[a-z][a-z_]*(\.[a-z][a-z_]*){2,3}$/
const RESOURCE_TYPE = /^[a-z][a-z_]{0,62}$/

const CALLERS: Record<Caller, string | undefined> = {
  [Caller.CALLER_UNSPECIFIED]: undefined,
  [Caller.ANONYMOUS]: 'anonymous',
  [Caller.SUBJECT]: 'subject',
  [Caller.WORKLOAD]: 'workload',
  [Caller.OPERATOR]: 'operator',
}

const ROW_FACTS: Record<RowFact, string | undefined> = {
  [RowFact.ROW_FACT_UNSPECIFIED]: undefined,
  [RowFact.OWNER]: 'owner',
  [RowFact.CLASSIFICATION]: 'classification',
}

const defined = (names: (string | undefined)[]): string[] => names.filter((name) => name !== undefined)

/** Who may knock, as the policy reads it: `anonymous`, `subject`, `workload`, `operator`. */
export const callersOf = (option: MethodAuthorization): string[] => defined(option.callers.map((caller) => CALLERS[caller]))

/** Row facts that are declared, as the policy reads them: `owner`, `classification`. */
export const rowFactsOf = (option: MethodAuthorization): string[] => defined(option.rowFacts.map((fact) => ROW_FACTS[fact]))

/** The field at the end of a dotted path of a request; undefined when there is none, or when a repeated field or a map stands on the way. */
export const fieldAt = (message: DescMessage, path: string): DescField | undefined => {
  let field: DescField | undefined
  let inside: DescMessage | undefined = message
  for (const part of path.split('.')) {
    field = inside?.fields.find((candidate) => candidate.name === part)
    if (field === undefined || field.fieldKind === 'list' || field.fieldKind === 'map') return undefined
    inside = field.fieldKind === 'message' ? field.message : undefined
  }
  return field
}

/** Reads an attribute as the policy sees it: an enum value is its name in lower case without its prefix, as in `full` of VIEW_FULL. */
export const attributeReader = (input: DescMessage, path: string): ((value: string) => string) => {
  const field = fieldAt(input, path)
  if (field?.fieldKind !== 'enum') return (value) => value
  const prefix = field.enum.sharedPrefix ?? ''
  const names = new Map(field.enum.values.map(({ number, name }) => [String(number), name.toLowerCase().replace(prefix, '')]))
  return (value) => names.get(value) ?? value
}

const problemsOfPaths = (desc: DescMethod, option: MethodAuthorization): string[] => {
  const problems: string[] = []
  const paths = [...(option.resource === '' ? [] : [option.resource]), ...option.attributes]
  for (const path of paths) {
    const field = fieldAt(desc.input, path)
    if (field === undefined) problems.push(`${desc.input.typeName} has no path ${path}`)
    else if (field.fieldKind === 'message') problems.push(`path ${path} ends in a message`)
  }
  const first = desc.input.fields.find((field) => field.number === 1)
  if (option.tenant !== '') {
    if (option.tenant !== 'tenant_id' || first?.name !== 'tenant_id')
      problems.push('a tenant is named by `string tenant_id = 1` and nowhere else')
  } else if (desc.input.fields.some((field) => field.name === 'tenant_id')) {
    problems.push('tenant_id is not named in the option')
  }
  return problems
}

/** What is wrong with one method's authorization; empty when nothing is. */
export const problemsOf = (desc: DescMethod): string[] => {
  if (!hasOption(desc, authorization)) return ['no option tenantry.authz.v1.method']
  const option = getOption(desc, authorization)
  const problems = problemsOfPaths(desc, option)
  if (!ACTION.test(option.action)) problems.push(`action ${JSON.stringify(option.action)} is not of the form service.resource.verb`)
  if (!RESOURCE_TYPE.test(option.resourceType)) problems.push(`resource_type ${JSON.stringify(option.resourceType)} is no name`)
  if (option.callers.length === 0) problems.push(option.exposure === Exposure.EDGE ? 'EDGE without callers' : 'no callers')
  if (callersOf(option).length !== option.callers.length) problems.push('an unknown caller')
  if (rowFactsOf(option).length !== option.rowFacts.length) problems.push('an unknown row fact')
  if (option.exposure === Exposure.EDGE && option.callers.every((caller) => caller === Caller.WORKLOAD))
    problems.push('EDGE for workloads alone')
  if (option.callers.includes(Caller.SUBJECT) && option.tenant === '') problems.push('SUBJECT without a tenant')
  return problems
}

/** Every method with something wrong in its authorization, as `name: problem` lines. A contract with any must not be served. */
export const checkContracts = (services: Iterable<DescService>): string[] =>
  [...services].flatMap((service) =>
    service.methods.flatMap((method) => problemsOf(method).map((problem) => `${service.typeName}/${method.name}: ${problem}`)),
  )

export interface PermissionInfo {
  readonly action: string
  readonly resourceType: string
  /** Methods that ask for it, as in `tenantry.data.v1.RecordService/GetRecord`. */
  readonly methods: readonly string[]
}

/** Permissions that name no method: the policy asks for them beside one, or for a part of what one shows. */
const FURTHER: readonly PermissionInfo[] = [
  ['data.classification.confidential', 'record'],
  ['data.classification.restricted', 'record'],
  ['audit.event.open', 'event'],
].map(([action, resourceType]) => ({ action: action!, resourceType: resourceType!, methods: [] }))

/** Actions whose lists the policy can limit to the subject's own rows: `lists` of policies/tenantry/rbac/data.json. */
const LISTS: readonly string[] = ['data.record.list', 'data.record.export']

/**
 * Every permission that a role may hold, sorted: actions of methods that subjects or operators call; `_own` beside those whose rows or lists the
 * policy can limit to the subject's own; and what the policy asks for besides.
 */
export const permissions = (services: Iterable<DescService>): PermissionInfo[] => {
  const found = new Map<string, { action: string; resourceType: string; methods: string[] }>()
  const add = (action: string, resourceType: string, name: string) => {
    const known = found.get(action)
    if (known !== undefined) known.methods.push(name)
    else found.set(action, { action, resourceType, methods: [name] })
  }
  for (const service of services) {
    for (const desc of service.methods) {
      if (!hasOption(desc, authorization)) continue
      const { action, resourceType, callers, rowFacts } = getOption(desc, authorization)
      if (!callers.includes(Caller.SUBJECT) && !callers.includes(Caller.OPERATOR)) continue
      const name = `${service.typeName}/${desc.name}`
      add(action, resourceType, name)
      if (rowFacts.includes(RowFact.OWNER) || LISTS.includes(action)) add(`${action}_own`, resourceType, name)
    }
  }
  return [...found.values(), ...FURTHER].sort((a, b) => (a.action < b.action ? -1 : 1))
}
