import type { DescFile } from '@bufbuild/protobuf'
import { create, createFileRegistry } from '@bufbuild/protobuf'
import type { DescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'

const TYPES = { string: FieldDescriptorProto_Type.STRING, bytes: FieldDescriptorProto_Type.BYTES, int32: FieldDescriptorProto_Type.INT32 }

interface Field {
  readonly name: string
  readonly number: number
  /** A scalar, or the name of a message or enum of the same package. */
  readonly type: string
  readonly repeated?: boolean
  /** Whether it is a case of the message's one oneof. */
  readonly choice?: boolean
}

export const field = (name: string, number: number, type: string, more: { repeated?: boolean; choice?: boolean } = {}): Field => ({
  name,
  number,
  type,
  ...more,
})

interface FileShape {
  readonly name: string
  readonly package: string
  readonly messages: Readonly<Record<string, { oneof?: string; fields: readonly Field[] }>>
  readonly enums?: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly service: string
  readonly methods: Readonly<Record<string, { input: string; output: string; streams?: 'out' | 'both' }>>
}

const message = (shape: FileShape, name: string): DescriptorProto => {
  const { oneof, fields } = shape.messages[name]!
  return create(DescriptorProtoSchema, {
    name,
    oneofDecl: oneof === undefined ? [] : [{ name: oneof }],
    field: fields.map(({ name: fieldName, number, type, repeated, choice }) => ({
      name: fieldName,
      number,
      label: repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
      ...(Object.hasOwn(TYPES, type)
        ? { type: TYPES[type as keyof typeof TYPES] }
        : {
            type:
              shape.enums !== undefined && Object.hasOwn(shape.enums, type)
                ? FieldDescriptorProto_Type.ENUM
                : FieldDescriptorProto_Type.MESSAGE,
            typeName: `.${shape.package}.${type}`,
          }),
      ...(choice ? { oneofIndex: 0 } : undefined),
    })),
  })
}

/** A file of descriptors from a table: for gRPC's own services, whose proto files no package that we use ships for protobuf-es. */
export const describeFile = (shape: FileShape): DescFile => {
  const file: FileDescriptorProto = create(FileDescriptorProtoSchema, {
    name: shape.name,
    package: shape.package,
    syntax: 'proto3',
    messageType: Object.keys(shape.messages).map((name) => message(shape, name)),
    enumType: Object.entries(shape.enums ?? {}).map(([name, values]) =>
      create(EnumDescriptorProtoSchema, { name, value: Object.entries(values).map(([value, number]) => ({ name: value, number })) }),
    ),
    service: [
      {
        name: shape.service,
        method: Object.entries(shape.methods).map(([name, { input, output, streams }]) => ({
          name,
          inputType: `.${shape.package}.${input}`,
          outputType: `.${shape.package}.${output}`,
          clientStreaming: streams === 'both',
          serverStreaming: streams !== undefined,
        })),
      },
    ],
  })
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getFile(shape.name)!
}
