import type { DescMethod } from '@bufbuild/protobuf'
import type { MeshService } from '../contracts.js'
import { METHODS, nameOf, serversOf } from '../contracts.js'
import type { Platform } from '../platform.js'
import { requestBytes, requestJson } from '../requests.js'
import type { Outcome } from '../wire.js'
import { callGrpc, decided } from '../wire.js'
import type { Caller, Cast } from './callers.js'
import type { CallerKind } from './expectations.js'
import { problemOf, readRow } from './verdict.js'
import type { Requests } from './scenes.js'

export const MESH_SERVICES: readonly MeshService[] = ['identity', 'tenant', 'data', 'policy', 'audit']

/** Requests of methods that are not our contracts, and how many answers of their streams a caller waits for. */
const GRPC: Readonly<Record<string, { request: Uint8Array; take?: number }>> = {
  'grpc.health.v1.Health/Check': { request: new Uint8Array() },
  'grpc.health.v1.Health/Watch': { request: new Uint8Array(), take: 1 },
  // list_services = 7.
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo': { request: Uint8Array.of(0x3a, 1, 0x2a) },
  'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': { request: Uint8Array.of(0x3a, 1, 0x2a) },
}

/** Every method that any port serves. */
export const ALL_METHODS: readonly string[] = [...METHODS.map(nameOf), ...Object.keys(GRPC)]

/** Methods without a row, and rows without a method. */
export const gaps = (methods: readonly string[], rows: readonly string[]): string[] => {
  const [known, expected] = [new Set(methods), new Set(rows.map((row) => row.split('#')[0]!))]
  return [
    ...methods.filter((name) => !rows.includes(name)).map((name) => `${name} has no expectation`),
    ...[...expected].filter((name) => !known.has(name)).map((name) => `${name} is expected, but there is no such method`),
  ]
}

export interface Matrix {
  readonly platform: Platform
  readonly cast: Cast
  readonly requests: Requests
  /** Where a service listens: the platform's own, or a stand-in for the control. */
  readonly addressOf?: (service: MeshService) => string
}

export interface Result {
  readonly calls: number
  /** One line for each answer that is not as expected. */
  readonly problems: readonly string[]
}

const byName = new Map<string, DescMethod>(METHODS.map((method) => [nameOf(method), method]))

const call = (matrix: Matrix, row: string, caller: Caller, service: MeshService): Promise<Outcome> => {
  const { platform, requests, addressOf = platform.addressOf } = matrix
  const name = row.split('#')[0]!
  const method = byName.get(name)
  const bytes =
    method === undefined
      ? GRPC[name]!.request
      : requestBytes(method, requestJson(method, requests.sceneOf(caller), requests.more(row, caller)))
  const client = caller.spiffeId === undefined ? platform.edgeClient : platform.dial(addressOf(service), caller.spiffeId)
  return callGrpc(client, `/${name}`, [bytes], { token: caller.token, take: GRPC[name]?.take })
}

/** Refresh tokens are good once: each call needs the answer of the one before. */
const IN_TURN = /RefreshSession$/

/** Makes every call of the rows, at every service that serves the method, many at once. */
export const runMatrix = async (
  matrix: Matrix,
  rows: readonly (readonly [string, string])[],
  options: { kinds?: readonly CallerKind[]; width?: number } = {},
): Promise<Result> => {
  const problems: string[] = []
  const tasks: (() => Promise<void>)[] = []
  for (const [row, expected] of rows) {
    const method = byName.get(row.split('#')[0]!)
    const services = method === undefined ? MESH_SERVICES : serversOf(method.parent)
    let before: Promise<unknown> = Promise.resolve()
    for (const [kind, code] of readRow(row, expected)) {
      if (options.kinds !== undefined && !options.kinds.includes(kind)) continue
      const caller = matrix.cast.callers[kind]
      for (const service of caller.spiffeId === undefined ? services.slice(0, 1) : services) {
        const check = async (): Promise<void> => {
          const outcome = await decided(() => call(matrix, row, caller, service))
          matrix.requests.answered(row, outcome)
          const problem = problemOf(code, outcome)
          if (problem !== undefined) problems.push(`${row} by ${kind} at ${service}: ${problem}`)
        }
        tasks.push(IN_TURN.test(row) ? () => (before = before.then(check)) as Promise<void> : check)
      }
    }
  }
  const calls = tasks.length
  const worker = async (): Promise<void> => {
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) await task()
  }
  await Promise.all(Array.from({ length: options.width ?? 24 }, worker))
  return { calls, problems: problems.sort() }
}
