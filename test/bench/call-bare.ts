import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js'
import { GetCollectionRequestSchema, GetCollectionResponseSchema } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { GetCollectionRequest, GetCollectionResponse } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { answerMessage, METHOD } from './call-world.js'
import type { World } from './call-world.js'
import { cpuMicros } from './measure.js'
import { answer } from './worker.js'

/** What everything is measured against: grpc-js as it comes, mutual TLS, the same messages, nothing else. */
const server = new Server()
const path = `/${METHOD.parent.typeName}/${METHOD.name}`
server.addService(
  {
    get: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: GetCollectionRequest) => Buffer.from(toBinary(GetCollectionRequestSchema, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(GetCollectionRequestSchema, bytes),
      responseSerialize: (message: GetCollectionResponse) => Buffer.from(toBinary(GetCollectionResponseSchema, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(GetCollectionResponseSchema, bytes),
    },
  },
  {
    get: (call: ServerUnaryCall<GetCollectionRequest, GetCollectionResponse>, done: sendUnaryData<GetCollectionResponse>) =>
      done(null, answerMessage(call.request)),
  },
)

const listen = ({ serverCertificate: { cert, key, ca } }: World): Promise<string> =>
  new Promise((resolve, reject) => {
    const credentials = ServerCredentials.createSsl(
      Buffer.from(ca),
      [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
      true,
    )
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(`127.0.0.1:${port}`) : reject(error)))
  })

answer(
  (question: { world?: World }) => (question.world === undefined ? cpuMicros() : listen(question.world)),
  () => server.forceShutdown(),
)
