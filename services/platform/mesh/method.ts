import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf'
import { getOption, hasOption } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt'
import { method as authorization } from '../../../proto/gen/tenantry/authz/v1/method_pb.js'
import type { MethodInfo } from './call.js'

/** A method with the request paths of its option resolved once: what the chain and the authorizer read of a request. */
export interface MeshMethod extends MethodInfo {
  /** What stands at the option's `tenant` path; undefined for platform-scoped methods. */
  tenantOf(request: Message): string | undefined
  /** What stands at the option's `resource` path; empty when there is none. */
  resourceOf(request: Message): string
  /** The option's further paths, by path. Unset ones are empty. */
  attributesOf(request: Message): Record<string, string>
}

type Reader = (request: Message) => string

/** Reads a dotted path of proto field names; throws when the descriptor has no such path, so that it shows at start. */
const reader = (input: DescMessage, path: string): Reader => {
  let message: DescMessage | undefined = input
  const names: string[] = []
  for (const part of path.split('.')) {
    const field: DescMessage['fields'][number] | undefined = message?.fields.find((candidate) => candidate.name === part)
    if (field === undefined || (field.fieldKind !== 'scalar' && field.fieldKind !== 'enum' && field.fieldKind !== 'message')) {
      throw new Error(`${input.typeName} has no path ${path}`)
    }
    names.push(field.localName)
    message = field.fieldKind === 'message' ? field.message : undefined
  }
  if (message !== undefined) throw new Error(`path ${path} of ${input.typeName} ends in a message`)
  if (names.length === 1) {
    const name = names[0]!
    return (request) => text((request as unknown as Record<string, unknown>)[name])
  }
  return (request) => text(names.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], request))
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : value == null ? '' : String(value as number | bigint | boolean)

const SIDE_EFFECTS = {
  [MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN]: 'some',
  [MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS]: 'none',
  [MethodOptions_IdempotencyLevel.IDEMPOTENT]: 'idempotent',
} as const

/** The method as the mesh knows it. Throws when its authorization option is missing or names a path that its request has not. */
export const meshMethod = (desc: DescMethod): MeshMethod => {
  const name = `${desc.parent.typeName}/${desc.name}`
  if (!hasOption(desc, authorization)) throw new Error(`${name} has no option tenantry.authz.v1.method`)
  const option = getOption(desc, authorization)
  const tenant = option.tenant === '' ? undefined : reader(desc.input, option.tenant)
  const resource = option.resource === '' ? undefined : reader(desc.input, option.resource)
  const attributes = option.attributes.map((path) => [path, reader(desc.input, path)] as const)
  return {
    desc,
    name,
    path: `/${name}`,
    option,
    sideEffects: SIDE_EFFECTS[desc.idempotency],
    tenantOf: (request) => tenant?.(request),
    resourceOf: (request) => resource?.(request) ?? '',
    attributesOf: (request) => Object.fromEntries(attributes.map(([path, read]) => [path, read(request)])),
  }
}

/** Name that stands for every method that does not exist. */
export const UNKNOWN_METHOD = 'unknown'
