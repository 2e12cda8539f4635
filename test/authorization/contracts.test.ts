import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DescFile, DescService } from '@bufbuild/protobuf'
import { clone, create, createFileRegistry, getExtension, setExtension } from '@bufbuild/protobuf'
import type { FileDescriptorProto, MethodDescriptorProto } from '@bufbuild/protobuf/wkt'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, it } from '@jest/globals'
import { method as authorization } from '../../proto/gen/tenantry/authz/v1/method_pb.js'
import { file_tenantry_data_v1_record } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { checkContracts } from '../../services/platform/policy/method-options.js'
import { SERVICES } from '../contracts.js'

const PROTO = fileURLToPath(new URL('../../proto/tenantry/', import.meta.url))

/** Full names of the services in proto files. */
const declared = (): string[] =>
  readdirSync(PROTO, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .flatMap((name) => {
      const text = readFileSync(join(PROTO, name), 'utf8')
      const [, packageName] = /^package ([\w.]+);/m.exec(text)!
      return [...text.matchAll(/^service (\w+) \{/gm)].map(([, service]) => `${packageName}.${service}`)
    })

const closure = (file: DescFile, found = new Map<string, FileDescriptorProto>()): Map<string, FileDescriptorProto> => {
  for (const dependency of file.dependencies) closure(dependency, found)
  return found.set(file.proto.name, file.proto)
}

/** The services of a file after one method of it was changed. */
const changed = (file: DescFile, methodName: string, change: (method: MethodDescriptorProto) => void): DescService[] => {
  const copy = clone(FileDescriptorProtoSchema, file.proto)
  change(copy.service.flatMap(({ method }) => method).find(({ name }) => name === methodName)!)
  const files = closure(file).set(copy.name, copy)
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files.values()] })).getFile(copy.name)!.services
}

const withOption = (change: (option: { resource: string; tenant: string; action: string }) => void) => (method: MethodDescriptorProto) => {
  const option = getExtension(method.options!, authorization)
  change(option)
  setExtension(method.options!, authorization, option)
}

describe('contracts', () => {
  it('are all looked at', () => {
    expect(SERVICES.map(({ typeName }) => typeName).sort()).toEqual(declared().sort())
  })

  it('name an action, callers and paths that exist, on every method', () => {
    expect(checkContracts(SERVICES)).toEqual([])
  })

  it('are refused without the option, and with a path or an action that is none', () => {
    const problems = (change: (method: MethodDescriptorProto) => void) =>
      checkContracts(changed(file_tenantry_data_v1_record, 'GetRecord', change))
    expect(problems(() => undefined)).toEqual([])
    expect(problems((method) => delete method.options)).toEqual([expect.stringContaining('RecordService/GetRecord: no option')])
    expect(problems(withOption((option) => (option.resource = 'no_such_field')))).toEqual([
      expect.stringContaining('RecordService/GetRecord: '),
    ])
    expect(problems(withOption((option) => (option.tenant = '')))).not.toEqual([])
    expect(problems(withOption((option) => (option.action = 'read')))).not.toEqual([])
  })
})
