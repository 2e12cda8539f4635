import { generateKeyPairSync } from 'node:crypto'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  Classification,
  CollectionService,
  FieldType,
  GetCollectionResponseSchema,
} from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { GetCollectionResponse } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { Fact } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { newId } from '../../services/platform/ids.js'
import { newPair } from '../../services/platform/keys/x25519.js'
import { authorityOf, newAuthority } from '../../services/platform/mesh/certificates/authority.js'
import type { Certificate } from '../../services/platform/mesh/certificates/source.js'
import { serviceSpiffeId } from '../../services/platform/mesh/workload.js'
import { fact } from '../../services/platform/policy/testing.js'

/** Who and what a run of calls is made with: told to the servers and to the client over IPC. */
export interface World {
  readonly serverCertificate: Certificate
  readonly clientCertificate: Certificate
  /** Of the token issuer, PEM. */
  readonly signingKey: string
  readonly verifyKey: string
  readonly callers: readonly { readonly tenant: string; readonly subject: string; readonly session: string; readonly collection: string }[]
  readonly role: string
}

export const METHOD = CollectionService.method.getCollection
export const TRUST_DOMAIN = 'tenantry.local'
export const REGION = 'local'
export const ISSUER = 'https://identity.tenantry.local'
export const AUDIENCE = 'tenantry'
export const ADDRESS = '192.0.2.1'
export const KID = 'bench'

const TENANTS = 10
const SUBJECTS = 100

/** An hour of everything: new certificates, keys, tenants. */
export const newWorld = (): World => {
  const authority = authorityOf(newAuthority(TRUST_DOMAIN))
  const certificate = (service: string) => authority.issue({ spiffeId: serviceSpiffeId(TRUST_DOMAIN, REGION, service), ttlMs: 3_600_000 })
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const tenants = Array.from({ length: TENANTS }, () => ({ tenant: newId('ten'), collection: newId('col') }))
  return {
    serverCertificate: certificate('data'),
    clientCertificate: certificate('gateway'),
    signingKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    verifyKey: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    callers: Array.from({ length: SUBJECTS }, (_, i) => ({ ...tenants[i % TENANTS]!, subject: newId('usr'), session: newId('ses') })),
    role: newId('rol'),
  }
}

const publicKey = (id: string) => ({ publicKey: newPair().publicKey, publicKeyId: `key:${id}` })

/** What the owners of facts would tell of the world: every caller has an editor's role. */
export const factsOf = ({ callers, role }: World): Fact[] => {
  const actions = ['data.collection.read', 'data.collection.list', 'data.record.*', 'tenant.tenant.read', 'identity.user.read']
  const tenants = [...new Set(callers.map(({ tenant }) => tenant))]
  return [
    ...tenants.flatMap((tenantId) => [
      fact({
        case: 'tenant',
        value: {
          tenantId,
          version: 1n,
          slug: tenantId.slice(4),
          status: 'active',
          tier: 'standard',
          region: REGION,
          placement: 'pool',
          ...publicKey(tenantId),
        },
      }),
      fact({ case: 'role', value: { tenantId, roleId: role, version: 1n, actions } }),
    ]),
    ...callers.map(({ tenant: tenantId, subject: subjectId }) =>
      fact({
        case: 'subject',
        value: { tenantId, subjectId, version: 1n, kind: 'user', status: 'active', grants: [{ roleId: role }], ...publicKey(subjectId) },
      }),
    ),
  ]
}

/** The answer of both servers: about 200 bytes. */
export const answerTo = (request: {
  readonly tenantId: string
  readonly collectionId: string
}): MessageInitShape<typeof GetCollectionResponseSchema> => ({
  collection: {
    collectionId: request.collectionId,
    tenantId: request.tenantId,
    name: 'customers',
    displayName: 'Customers',
    fields: [
      { name: 'name', type: FieldType.STRING, classification: Classification.CONFIDENTIAL },
      { name: 'email', type: FieldType.STRING, classification: Classification.CONFIDENTIAL },
      { name: 'country', type: FieldType.STRING },
      { name: 'total', type: FieldType.NUMBER },
    ],
    createTime: timestampFromMs(1_760_000_000_000),
    updateTime: timestampFromMs(1_760_000_000_000),
    etag: 'IjEtYWJjZGVmZyI',
  },
})

export const answerMessage = (request: { readonly tenantId: string; readonly collectionId: string }): GetCollectionResponse =>
  create(GetCollectionResponseSchema, answerTo(request))
