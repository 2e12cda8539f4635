import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import type { Collection } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import { Classification, CollectionSchema, CollectionService, FieldType } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { FieldSchema } from '../../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { Context } from '../context.js'
import { pages } from '../pages.js'
import { UsageError } from '../usage-error.js'

type FieldInit = MessageInitShape<typeof FieldSchema>

const TYPES: Record<string, FieldType> = {
  string: FieldType.STRING,
  number: FieldType.NUMBER,
  boolean: FieldType.BOOLEAN,
  timestamp: FieldType.TIMESTAMP,
  json: FieldType.JSON,
}
const CLASSIFICATIONS: Record<string, Classification> = {
  public: Classification.PUBLIC,
  internal: Classification.INTERNAL,
  confidential: Classification.CONFIDENTIAL,
  restricted: Classification.RESTRICTED,
}

/** `email:string:required:confidential`: a name, a type, then in any order `required` and a classification. */
export const parseField = (text: string): FieldInit => {
  const [name = '', type = 'string', ...rest] = text.split(':')
  if (!(type in TYPES)) throw new UsageError(`--field ${name}: the type is one of ${Object.keys(TYPES).join(', ')}`)
  const field: FieldInit = { name, type: TYPES[type]! }
  for (const word of rest) {
    if (word === 'required') field.required = true
    else if (word in CLASSIFICATIONS) field.classification = CLASSIFICATIONS[word]!
    else throw new UsageError(`--field ${name}: ${word} is neither required nor a classification`)
  }
  return field
}

export const collectionCommand = (program: Command, context: () => Context): void => {
  const command = program.command('collection').description('collections of records')
  const client = () => context().session().edge.client(CollectionService)

  command
    .command('create <name>')
    .requiredOption(
      '--field <name:type[:required][:classification]>',
      'as in email:string:required:confidential; repeatable',
      (text: string, before: FieldInit[] = []) => [...before, parseField(text)],
    )
    .option('--name <name>', 'display name', '')
    .action(async (name: string, options: { field: FieldInit[]; name: string }) => {
      const { out, tenant } = context()
      const { collection } = await client().createCollection({
        tenantId: await tenant(undefined),
        name,
        displayName: options.name,
        fields: options.field,
      })
      out.message(CollectionSchema, collection!, `collection ${name} ${collection!.collectionId}`)
    })

  command.command('list').action(async () => {
    const { out, tenant } = context()
    const tenantId = await tenant(undefined)
    const rows = []
    for await (const { collections } of pages((pageToken) => client().listCollections({ tenantId, pageToken, pageSize: 200 }))) {
      for (const collection of collections) {
        if (out.json) out.message(CollectionSchema, collection, '')
        else rows.push({ id: collection.collectionId, name: collection.name, fields: collection.fields.map((f) => f.name).join(' ') })
      }
    }
    out.table(rows)
  })

  command.command('get <collection>').action(async (named: string) => {
    const ctx = context()
    const collection = await findCollection(ctx, named)
    ctx.out.message(CollectionSchema, collection, `${collection.name} ${collection.collectionId}`)
    ctx.out.table(
      collection.fields.map((field) => ({
        field: field.name,
        type: FieldType[field.type]!.toLowerCase(),
        required: field.required ? 'yes' : '',
        classification: (Classification[field.classification] ?? 'INTERNAL').toLowerCase(),
      })),
    )
  })

  command.command('delete <collection>').action(async (named: string) => {
    const ctx = context()
    const { tenantId, collectionId } = await findCollection(ctx, named)
    await client().deleteCollection({ tenantId, collectionId })
    ctx.out.object({ collection_id: collectionId, deleted: true }, `${named} deleted`)
  })
}

/** A collection of the profile's tenant, by id or name. */
export const findCollection = async (context: Context, named: string): Promise<Collection> => {
  const { edge, profile } = context.session()
  const client = edge.client(CollectionService)
  if (named.startsWith('col_')) {
    return (await client.getCollection({ tenantId: profile.tenantId, collectionId: named })).collection!
  }
  const { collections } = await client.listCollections({ tenantId: profile.tenantId, filter: `name = ${JSON.stringify(named)}` })
  if (!collections[0]) throw new UsageError(`no collection is named ${JSON.stringify(named)}`)
  return collections[0]
}
