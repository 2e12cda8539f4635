import { createPrivateKey } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, credentials } from '@grpc/grpc-js'
import {
  CollectionService,
  GetCollectionRequestSchema,
  GetCollectionResponseSchema,
} from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { GetCollectionRequest, GetCollectionResponse } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { newId } from '../../services/platform/ids.js'
import { createMeshClient } from '../../services/platform/mesh/client.js'
import { signToken } from '../../services/platform/mesh/tokens.js'
import { ADDRESS, AUDIENCE, ISSUER, KID, METHOD, REGION, TRUST_DOMAIN } from './call-world.js'
import type { World } from './call-world.js'
import { load } from './measure.js'
import { answer } from './worker.js'

export interface ClientSetup {
  readonly world: World
  readonly secured: string
  readonly bare: string
}

export interface ClientRound {
  readonly variant: 'bare' | 'cached' | 'new token'
  readonly concurrency: number
  readonly seconds: number
}

const CHANNELS = 2
const PATH = `/${METHOD.parent.typeName}/${METHOD.name}`

/** grpc-js with the settings of our own client, as many channels, taken in turn. */
const openBare = (target: string, { clientCertificate: { cert, key, ca } }: World) => {
  const channels = Array.from(
    { length: CHANNELS },
    () =>
      new Client(
        target,
        credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert), { checkServerIdentity: () => undefined }),
        {
          'grpc.enable_channelz': 0,
          'grpc.use_local_subchannel_pool': 1,
          'grpc.ssl_target_name_override': 'mesh.localhost',
          'grpc.service_config_disable_resolution': 1,
        },
      ),
  )
  let turn = 0
  return (request: GetCollectionRequest): Promise<GetCollectionResponse> =>
    new Promise((resolve, reject) =>
      channels[(turn = (turn + 1) % CHANNELS)]!.makeUnaryRequest(
        PATH,
        (message: GetCollectionRequest) => Buffer.from(toBinary(GetCollectionRequestSchema, message)),
        (bytes: Buffer) => fromBinary(GetCollectionResponseSchema, bytes),
        request,
        (error, response) => (error === null ? resolve(response!) : reject(error)),
      ),
    )
}

const open = ({ world, secured, bare }: ClientSetup) => {
  const mesh = createMeshClient({
    source: { current: () => world.clientCertificate, onChange: () => () => undefined, close: () => undefined },
    target: secured,
    trustDomain: TRUST_DOMAIN,
    expect: { service: 'data', region: REGION },
    channels: CHANNELS,
  })
  const collections = mesh.client(CollectionService)
  const callBare = openBare(bare, world)
  const key = createPrivateKey(world.signingKey)
  const now = Math.floor(Date.now() / 1_000)
  const tokenOf = ({ tenant, subject: sub, session: sid }: World['callers'][number]): string =>
    signToken(
      {
        iss: ISSUER,
        aud: AUDIENCE,
        sub,
        tenant,
        region: REGION,
        sid,
        auth_time: now,
        iat: now,
        nbf: now,
        exp: now + 3_600,
        jti: newId('evt'),
      },
      KID,
      key,
    )
  const callers = world.callers.map((caller) => ({
    caller,
    token: tokenOf(caller),
    request: { tenantId: caller.tenant, collectionId: caller.collection },
  }))
  let turn = 0
  const next = () => callers[(turn = (turn + 1) % callers.length)]!
  // Signed before the clock runs: signing is identity's work.
  let signed: { token: string; request: { tenantId: string; collectionId: string } }[] = []
  const calls: Record<ClientRound['variant'], () => Promise<unknown>> = {
    bare: () => callBare(create(GetCollectionRequestSchema, next().request)),
    cached: () => {
      const { request, token } = next()
      return collections.getCollection(request, { token, clientAddress: ADDRESS })
    },
    'new token': () => {
      const { request, token } = signed.pop() ?? { ...next(), token: tokenOf(next().caller) }
      return collections.getCollection(request, { token, clientAddress: ADDRESS })
    },
  }
  let most = 1_500
  return {
    tokenBytes: callers[0]!.token.length,
    round: async ({ variant, concurrency, seconds }: ClientRound) => {
      signed =
        variant === 'new token'
          ? Array.from({ length: Math.ceil(most * seconds) }, () => ({ ...next() })).map((one) => ({ ...one, token: tokenOf(one.caller) }))
          : []
      const result = await load(calls[variant], concurrency, seconds)
      if (variant === 'new token') most = Math.max(most, (result.calls / seconds) * 1.3)
      return result
    },
    close: () => mesh.close(),
  }
}

let opened: ReturnType<typeof open> | undefined
answer(
  async (question: ClientSetup | ClientRound) => {
    if (!('world' in question)) return opened!.round(question)
    opened = open(question)
    return opened.tokenBytes
  },
  () => opened?.close(),
)
