import type { DescFile, DescMethod } from '@bufbuild/protobuf'
import { toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import { file_google_rpc_error_details } from '../../../proto/gen/google/rpc/error_details_pb.js'
import { describeFile, field } from './descriptors.js'
import { foreignMethod } from './health.js'
import type { MeshMethod } from './method.js'
import type { Route } from './rpc.js'

/** The same contract under two names: older clients know the second only. */
const reflectionFile = (version: 'v1' | 'v1alpha') =>
  describeFile({
    name: `grpc/reflection/${version}/reflection.proto`,
    package: `grpc.reflection.${version}`,
    messages: {
      ServerReflectionRequest: {
        oneof: 'message_request',
        fields: [
          field('host', 1, 'string'),
          field('file_by_filename', 3, 'string', { choice: true }),
          field('file_containing_symbol', 4, 'string', { choice: true }),
          field('file_containing_extension', 5, 'ExtensionRequest', { choice: true }),
          field('all_extension_numbers_of_type', 6, 'string', { choice: true }),
          field('list_services', 7, 'string', { choice: true }),
        ],
      },
      ExtensionRequest: { fields: [field('containing_type', 1, 'string'), field('extension_number', 2, 'int32')] },
      ServerReflectionResponse: {
        oneof: 'message_response',
        fields: [
          field('valid_host', 1, 'string'),
          field('original_request', 2, 'ServerReflectionRequest'),
          field('file_descriptor_response', 4, 'FileDescriptorResponse', { choice: true }),
          field('all_extension_numbers_response', 5, 'ExtensionNumberResponse', { choice: true }),
          field('list_services_response', 6, 'ListServiceResponse', { choice: true }),
          field('error_response', 7, 'ErrorResponse', { choice: true }),
        ],
      },
      FileDescriptorResponse: { fields: [field('file_descriptor_proto', 1, 'bytes', { repeated: true })] },
      ExtensionNumberResponse: {
        fields: [field('base_type_name', 1, 'string'), field('extension_number', 2, 'int32', { repeated: true })],
      },
      ListServiceResponse: { fields: [field('service', 1, 'ServiceResponse', { repeated: true })] },
      ServiceResponse: { fields: [field('name', 1, 'string')] },
      ErrorResponse: { fields: [field('error_code', 1, 'int32'), field('error_message', 2, 'string')] },
    },
    service: 'ServerReflection',
    methods: { ServerReflectionInfo: { input: 'ServerReflectionRequest', output: 'ServerReflectionResponse', streams: 'both' } },
  })

const FILES = [reflectionFile('v1'), reflectionFile('v1alpha')]

/** Files of the served methods and all they import, by name. */
const closure = (methods: readonly DescMethod[]): Map<string, DescFile> => {
  const files = new Map<string, DescFile>()
  const add = (file: DescFile) => {
    if (files.has(file.proto.name)) return
    files.set(file.proto.name, file)
    file.dependencies.forEach(add)
  }
  for (const method of methods) add(method.parent.file)
  // What errors carry in google.protobuf.Any, so that tools can show it.
  add(file_google_rpc_error_details)
  return files
}

/** Every name that a file defines, and each extension as `type#number`. */
const symbols = (files: Iterable<DescFile>): Map<string, DescFile> => {
  const found = new Map<string, DescFile>()
  for (const file of files) {
    const messages = [...file.messages]
    for (const message of messages) {
      found.set(message.typeName, file)
      for (const member of message.fields) found.set(`${message.typeName}.${member.name}`, file)
      for (const nested of message.nestedEnums) found.set(nested.typeName, file)
      messages.push(...message.nestedMessages)
    }
    for (const desc of file.enums) found.set(desc.typeName, file)
    for (const service of file.services) {
      found.set(service.typeName, file)
      for (const method of service.methods) found.set(`${service.typeName}.${method.name}`, file)
    }
    for (const extension of [...file.extensions, ...messages.flatMap((message) => message.nestedExtensions)]) {
      found.set(extension.typeName, file)
      found.set(`${extension.extendee.typeName}#${extension.number}`, file)
    }
  }
  return found
}

interface Request {
  host: string
  messageRequest: { case?: string; value?: unknown }
}

/** gRPC server reflection from the descriptors at hand; who may ask is the server's authorizer's question. */
export const reflectionRoutes = (served: readonly MeshMethod[]): { method: MeshMethod; rpc: Route['rpc'] }[] => {
  const own = FILES.map((file) => file.services[0]!.methods[0]!)
  const methods = [...served.map(({ desc }) => desc), ...own]
  const files = closure(methods)
  const names = symbols(files.values())
  const services = [...new Set(methods.map((method) => method.parent.typeName))].sort()

  const notFound = { case: 'errorResponse', value: { errorCode: Code.NOT_FOUND, errorMessage: 'not found' } }
  /** The file with all it imports, imports first, so that one answer is enough. */
  const withImports = (file: DescFile | undefined) => {
    if (file === undefined) return notFound
    const needed = new Map<string, DescFile>()
    const add = (one: DescFile) => {
      if (needed.has(one.proto.name)) return
      needed.set(one.proto.name, one)
      one.dependencies.forEach(add)
    }
    add(file)
    return {
      case: 'fileDescriptorResponse',
      value: { fileDescriptorProto: [...needed.values()].map((one) => toBinary(FileDescriptorProtoSchema, one.proto)) },
    }
  }
  const answer = ({ messageRequest: { case: kind, value } }: Request): unknown => {
    switch (kind) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } }
      case 'fileByFilename':
        return withImports(files.get(value as string))
      case 'fileContainingSymbol':
        return withImports(names.get(value as string))
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = value as { containingType: string; extensionNumber: number }
        return withImports(names.get(`${containingType}#${extensionNumber}`))
      }
      case 'allExtensionNumbersOfType': {
        const numbers = [...names.keys()].filter((name) => name.startsWith(`${value as string}#`)).map((name) => Number(name.split('#')[1]))
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: value, extensionNumber: numbers } }
      }
      default:
        return { case: 'errorResponse', value: { errorCode: Code.INVALID_ARGUMENT, errorMessage: 'no request' } }
    }
  }
  async function* reflect(requests: AsyncIterable<unknown>) {
    for await (const request of requests) {
      yield { validHost: (request as Request).host, originalRequest: request, messageResponse: answer(request as Request) }
    }
  }
  return own.map((desc) => ({
    method: foreignMethod(desc, 'platform.reflection.read', 'reflection'),
    rpc: reflect as unknown as Route['rpc'],
  }))
}
