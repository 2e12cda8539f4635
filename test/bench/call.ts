import { create, toBinary } from '@bufbuild/protobuf'
import { GetCollectionRequestSchema, GetCollectionResponseSchema } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import type { ClientRound, ClientSetup } from './call-client.js'
import { answerMessage, newWorld } from './call-world.js'
import type { World } from './call-world.js'
import { interleaved, medianOf, ratio, ratioOf, rounds, seconds, verdict } from './measure.js'
import type { load, Sample } from './measure.js'
import { report, table } from './results.js'
import { startWorker } from './worker.js'
import type { Worker } from './worker.js'

/** The secured call against a bare one: servers and clients in processes of their own, all default and all with a larger young generation. */
const SEMI_SPACE = '--max-semi-space-size=64'

interface Mesh {
  readonly client: Worker
  readonly servers: Readonly<Record<'bare' | 'secured', Worker>>
  readonly tokenBytes: number
}

const openMesh = async (world: World, execArgv: readonly string[]): Promise<Mesh> => {
  const servers = { bare: startWorker('call-bare', execArgv), secured: startWorker('call-secured', execArgv) }
  const [bare, secured] = await Promise.all([servers.bare.ask<string>({ world }), servers.secured.ask<string>({ world })])
  const client = startWorker('call-client', execArgv)
  return { client, servers, tokenBytes: await client.ask<number>({ world, secured, bare } satisfies ClientSetup) }
}

const world = newWorld()
const meshes = { default: await openMesh(world, []), semi: await openMesh(world, [SEMI_SPACE]) }

const measure = async ({ client, servers }: Mesh, round: ClientRound): Promise<Sample> => {
  const server = round.variant === 'bare' ? servers.bare : servers.secured
  const before = await server.ask<number>({})
  const { calls, elapsed, cpu, p50, p99 } = await client.ask<Awaited<ReturnType<typeof load>>>(round)
  const used = (await server.ask<number>({})) - before
  return { rate: calls / elapsed, cpu: used / calls, clientCpu: cpu / calls, p50, p99 }
}

const VARIANTS = ['bare', 'cached', 'new token', 'bare semi', 'cached semi'] as const
type Variant = (typeof VARIANTS)[number]
const roundOf = (variant: Variant, concurrency: number, forSeconds: number): Promise<Sample> => {
  const [mesh, plain] = variant.endsWith(' semi')
    ? [meshes.semi, variant.slice(0, -' semi'.length) as ClientRound['variant']]
    : [meshes.default, variant as ClientRound['variant']]
  return measure(mesh, { variant: plain, concurrency, seconds: forSeconds })
}

for (const variant of VARIANTS) await roundOf(variant, 32, Math.min(2, seconds))

const NAMES: Record<Variant, string> = {
  bare: 'bare grpc-js, default flags',
  cached: 'secured, cached decision',
  'new token': 'secured, new token and uncached decision every call',
  'bare semi': `bare, ${SEMI_SPACE}`,
  'cached semi': `secured, cached decision, ${SEMI_SPACE}`,
}
const BUDGETS = {
  32: { cached: 1, cpu: 45, 'new token': 0.5 },
  128: { cached: 0.95, cpu: 28, 'new token': 0.5 },
} as const

const rows: (string | number)[][] = []
const budgets: (string | number)[][] = []
for (const concurrency of [32, 128] as const) {
  const samples = await interleaved(VARIANTS, (variant) => roundOf(variant, concurrency, seconds))
  const cpu = (variant: Variant) => medianOf(samples[variant], (sample) => sample.cpu)
  for (const variant of VARIANTS) {
    const of = samples[variant]
    rows.push([
      concurrency,
      NAMES[variant],
      ratio(of, samples.bare),
      Math.round(cpu(variant)),
      Math.round(medianOf(of, ({ clientCpu }) => clientCpu)),
      (medianOf(of, ({ p50 }) => p50) / 1_000).toFixed(1),
      (medianOf(of, ({ p99 }) => p99) / 1_000).toFixed(1),
    ])
  }
  const budget = BUDGETS[concurrency]
  const judge = (name: string, value: number, limit: number, atLeast: boolean) =>
    budgets.push([
      `${name}, concurrency ${concurrency}`,
      `${atLeast ? '>=' : '<='} ${limit}`,
      value.toFixed(atLeast ? 2 : 0),
      verdict(value, limit, atLeast),
    ])
  judge('secured with default flags / bare', ratioOf(samples.cached, samples.bare), budget.cached, true)
  judge(`secured with ${SEMI_SPACE} / bare`, ratioOf(samples['cached semi'], samples.bare), budget.cached, true)
  judge('more server CPU a call, default flags (us)', cpu('cached') - cpu('bare'), budget.cpu, false)
  judge(`more server CPU a call, ${SEMI_SPACE} (us)`, cpu('cached semi') - cpu('bare'), budget.cpu, false)
  judge('new token and uncached decision / bare', ratioOf(samples['new token'], samples.bare), budget['new token'], true)
}

const ids = { tenantId: world.callers[0]!.tenant, collectionId: world.callers[0]!.collection }
const sizes = [
  toBinary(GetCollectionRequestSchema, create(GetCollectionRequestSchema, ids)).length,
  toBinary(GetCollectionResponseSchema, answerMessage(ids)).length,
]
const { tokenBytes } = meshes.default
for (const { client, servers } of Object.values(meshes))
  await Promise.all([client, ...Object.values(servers)].map((worker) => worker.end()))

report({
  lines: [
    `\`CollectionService/GetCollection\`: request ${sizes[0]} bytes, answer ${sizes[1]} bytes, token ${tokenBytes} bytes; ${world.callers.length} callers of 10 tenants on 2 channels; ` +
      `${rounds} interleaved rounds of ${seconds} s. Ratios of throughput to the bare server in the same round: median (least-most).`,
    '',
    ...table(['concurrency', 'variant', 'throughput / bare', 'server CPU us', 'client CPU us', 'p50 ms', 'p99 ms'], rows),
    '',
    ...table(['budget', 'wanted', 'measured', ''], budgets),
  ],
})
