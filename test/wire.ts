import type { DescMethod } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import type { MetadataValue } from '@grpc/grpc-js'
import { ChannelCredentials, Client, Metadata, status as Code } from '@grpc/grpc-js'
import { Agent, request } from 'node:https'
import { createSecureContext } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { BadRequestSchema, ErrorInfoSchema } from '../proto/gen/google/rpc/error_details_pb.js'
import { StatusSchema } from '../proto/gen/google/rpc/status_pb.js'
import type { Certificate } from '../services/platform/mesh/certificates/source.js'

/** All that a caller sees of one call. */
export interface Outcome {
  readonly code: Code
  readonly codeName: string
  readonly message: string
  /** Of ErrorInfo; empty without one. */
  readonly reason: string
  readonly metadata: Readonly<Record<string, string>>
  /** Paths of BadRequest. */
  readonly fields: readonly string[]
  readonly decisionId: string
  readonly traceId: string
  readonly trailers: Readonly<Record<string, readonly MetadataValue[]>>
  readonly messages: readonly Buffer[]
  /** The caller left before the end: there are no trailers. */
  readonly left: boolean
}

export interface CallOptions {
  readonly token?: string
  /** Leaves after so many messages: for streams that do not end by themselves. */
  readonly take?: number
  readonly timeoutMs?: number
}

/** A grpc-js client as a stranger would make one: no code of ours between the test and the wire. Without a certificate it shows none. */
export const dialGrpc = (address: string, ca: string, certificate?: Certificate): Client =>
  new Client(
    address,
    ChannelCredentials.createFromSecureContext(
      createSecureContext({ ca, ...(certificate && { cert: certificate.cert, key: certificate.key }), minVersion: 'TLSv1.3' }),
      { checkServerIdentity: () => undefined },
    ),
    {
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 20_000,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
    },
  )

const textOf = (values: readonly MetadataValue[] | undefined): string => (typeof values?.[0] === 'string' ? values[0] : '')

const outcomeOf = (code: Code, message: string, metadata: Metadata, messages: readonly Buffer[], left = false): Outcome => {
  const trailers = Object.fromEntries(Object.keys(metadata.getMap()).map((name) => [name, metadata.get(name)]))
  const bytes = trailers['grpc-status-details-bin']?.[0]
  let reason = ''
  let info: Record<string, string> = {}
  let fields: string[] = []
  for (const any of bytes instanceof Buffer ? fromBinary(StatusSchema, bytes).details : []) {
    const error = anyUnpack(any, ErrorInfoSchema)
    if (error !== undefined) [reason, info] = [error.reason, error.metadata]
    fields = anyUnpack(any, BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? fields
  }
  return {
    code,
    codeName: Code[code],
    message,
    reason,
    metadata: info,
    fields,
    decisionId: textOf(trailers['tenantry-decision-id']),
    traceId: textOf(trailers['tenantry-trace-id']),
    trailers,
    messages,
    left,
  }
}

export const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`

/** One call of any kind, as bytes: gRPC's wire form is the same for unary calls and streams. Never rejects. */
export const callGrpc = (client: Client, path: string, requests: readonly Uint8Array[], options: CallOptions = {}): Promise<Outcome> =>
  new Promise((resolve) => {
    const metadata = new Metadata()
    if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`)
    const messages: Buffer[] = []
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      (bytes) => bytes,
      (bytes) => bytes,
      metadata,
      { deadline: Date.now() + (options.timeoutMs ?? 25_000) },
    )
    call.on('data', (bytes: Buffer) => {
      messages.push(bytes)
      if (messages.length === options.take) {
        resolve(outcomeOf(Code.OK, '', metadata, messages, true))
        call.cancel()
      }
    })
    call.on('error', () => undefined)
    call.on('status', ({ code, details, metadata: trailers }) => resolve(outcomeOf(code, details, trailers, messages)))
    for (const request of requests) call.write(Buffer.from(request))
    call.end()
  })

/** Closes idle connections by itself: nothing is left to close when a test ends. */
const AGENT = new Agent({ keepAlive: true, timeout: 1_000 })

/** A busy machine may be late with its facts: that is no answer to the call, so it is made again. */
export const decided = async <T extends { readonly code?: Code; readonly status?: number }>(make: () => Promise<T>): Promise<T> => {
  for (let left = 20; ; left--) {
    const outcome = await make()
    if ((outcome.code !== Code.UNAVAILABLE && outcome.status !== 503) || left === 0) return outcome
    await sleep(200)
  }
}

export interface JsonAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** One Connect call as JSON over HTTPS, as curl would make it. */
export const postJson = (url: string, ca: string, body: string, token?: string): Promise<JsonAnswer> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    const sent = request(url, { method: 'POST', ca, headers, agent: AGENT }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
